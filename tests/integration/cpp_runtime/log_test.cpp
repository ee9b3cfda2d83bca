// SPDX-License-Identifier: Apache-2.0
// What is printed, when, and in which format.
#include <csignal>

#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::test;
using nlohmann::json;

TEST_CASE("A line is out before the handler ends, although the output is a pipe") {
  const std::string where = GENERATE(as<std::string>{}, "printf", "cout", "cerr");
  CppInstance instance;
  instance.call(json{{"do", "print"}, {"to", where}, {"text", "a line\n"}}.dump());
  instance.process.wait_for_output("a line\n");
  instance.start(json{{"do", "abort"}}.dump());
  CHECK(instance.process.wait().signal == SIGABRT);
  CHECK(instance.process.output() == "a line\n");
}

TEST_CASE("What has no line end is out before the answer is") {
  CppInstance instance;
  instance.call(json{{"do", "print"}, {"text", "half a line"}}.dump());
  CHECK(instance.process.output() == "half a line");
}

TEST_CASE("context.log writes a line") {
  SECTION("as text: the message itself") {
    CppInstance instance;
    instance.call(json{{"do", "log"}, {"text", "hello"}}.dump());
    CHECK(instance.process.output() == "hello\n");
  }
  SECTION("as JSON: with time and request id") {
    CppInstance instance("misbehave.handler", {"AWS_LAMBDA_LOG_FORMAT=JSON"});
    instance.call(json{{"do", "log"}, {"text", "say \"hello\"\nin two lines"}}.dump());
    const std::string output = instance.process.output();
    CHECK(output.find('\n') == output.size() - 1);
    const json line = json::parse(output);
    CHECK(line["message"] == "say \"hello\"\nin two lines");
    CHECK(line["requestId"] == "the-id");
    CHECK(line["level"] == "INFO");
    CHECK(line["timestamp"].get<std::string>().size() == 24);
  }
}

TEST_CASE("An error is in the log, with its request id") {
  CppInstance instance;
  instance.call(json{{"do", "throw"}, {"what", "class"}}.dump());
  const std::string output = instance.process.output();
  CHECK(output.find("[ERROR]\t") == 0);
  CHECK(output.find("\tthe-id\tshop::OutOfStock: no \"apples\" left\n") != std::string::npos);
}
