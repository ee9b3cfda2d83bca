// SPDX-License-Identifier: Apache-2.0
// Handlers with a kiln::ResponseStream&, handlers over views, and functions of an older ABI.
#include <csignal>

#include "runtime-api/protocol/base64.hpp"
#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gate.hpp"

using namespace kiln::test;
using nlohmann::json;

TEST_CASE("What a handler writes leaves while it still runs") {
  const Gate gate;
  CppInstance instance("misbehave.stream");
  instance.start(json{{"write", {"first", "second"}}, {"gate", gate.path()}}.dump());
  gate.open();
  WireRequest request = instance.platform.read_head();
  CHECK(request.path == "/2018-06-01/runtime/invocation/the-id/response");
  CHECK(request.field("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(request.field("Content-Type") == "application/octet-stream");
  CHECK(instance.platform.read_chunk(request));
  CHECK(request.body == "first");
  gate.open();
  CHECK(instance.platform.read_chunk(request));
  CHECK(request.body == "firstsecond");
  CHECK_FALSE(instance.platform.read_chunk(request));
  CHECK(request.trailers.empty());
}

TEST_CASE("A stream has the content type it is given, or is an HTTP answer") {
  CppInstance instance("misbehave.stream");
  SECTION("a content type") {
    const WireRequest post = instance.call(json{{"as", "text/plain"}, {"write", {"x"}}}.dump());
    CHECK(post.field("Content-Type") == "text/plain");
    CHECK(post.body == "x");
  }
  SECTION("status, headers and cookies") {
    const json http = {{"status", 404}, {"headers", {{"X", "y"}}}, {"cookies", {"a=b"}}};
    const WireRequest post = instance.call(json{{"http", http}, {"write", {"body"}}}.dump());
    CHECK(post.field("Content-Type") == "application/vnd.awslambda.http-integration-response");
    const std::string end(8, '\0');
    const auto at = post.body.find(end);
    REQUIRE(at != std::string::npos);
    CHECK(json::parse(post.body.substr(0, at)) ==
          json{{"statusCode", 404}, {"headers", {{"X", "y"}}}, {"cookies", {"a=b"}}});
    CHECK(post.body.substr(at + end.size()) == "body");
  }
  SECTION("a status alone") {
    const WireRequest post = instance.call(json{{"http", {{"status", 204}}}}.dump());
    CHECK(post.body == R"({"headers":{},"statusCode":204})" + std::string(8, '\0'));
  }
}

TEST_CASE("A handler that writes nothing has answered with an empty stream") {
  CppInstance instance("misbehave.stream");
  const WireRequest post = instance.call(R"({"as":"text/plain"})");
  CHECK(post.field("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(post.field("Content-Type") == "text/plain");
  CHECK(post.body.empty());
  CHECK(instance.call(R"({"write":["next"]})").body == "next");
}

TEST_CASE("An exception before the first write is an error like any other") {
  CppInstance instance("misbehave.stream");
  const WireRequest post = instance.call(R"({"as":"text/plain","throw":"class"})");
  CHECK(post.path == "/2018-06-01/runtime/invocation/the-id/error");
  CHECK(json::parse(post.body)["errorType"] == "shop::OutOfStock");
}

TEST_CASE("An exception in the middle is in the trailers and in the log, and the next event is served") {
  CppInstance instance("misbehave.stream");
  const WireRequest post = instance.call(R"({"write":["half"],"throw":"class"})");
  CHECK(post.body == "half");
  CHECK(post.trailer("Lambda-Runtime-Function-Error-Type") == "shop::OutOfStock");
  const json error = json::parse(kiln::base64_decode(post.trailer("Lambda-Runtime-Function-Error-Body")).value());
  CHECK(error == json{{"errorMessage", "no \"apples\" left"},
                      {"errorType", "shop::OutOfStock"},
                      {"requestId", "the-id"},
                      {"stackTrace", json::array()}});
  CHECK(instance.process.output().find("shop::OutOfStock: no \"apples\" left") != std::string::npos);
  CHECK(instance.call(R"({"write":["next"]})").body == "next");
}

TEST_CASE("A slow platform is waited for, and gets every byte") {
  CppInstance instance("misbehave.stream");
  instance.start(json{{"write", {std::string(100'000, 'a'), std::string(100'000, 'b')}}, {"times", 200}}.dump());
  WireRequest request = instance.platform.read_head();
  CHECK(instance.platform.read_chunk(request));
  // Forty megabytes do not fit into a socket.
  CHECK_FALSE(instance.process.has_ended());
  while (instance.platform.read_chunk(request)) {
  }
  CHECK(request.body == std::string(20'000'000, 'a') + std::string(20'000'000, 'b'));
}

TEST_CASE("A platform that refuses the rest is told to the handler, and the next event is served") {
  const bool caught = GENERATE(true, false);
  CppInstance instance("misbehave.stream");
  instance.start(json{{"write", {std::string(100'000, 'a')}}, {"times", 1'000'000}, {"swallow", caught}}.dump());
  WireRequest request = instance.platform.read_head();
  CHECK(instance.platform.read_chunk(request));
  instance.platform.send(answer(413, "too much"));
  while (instance.platform.read_chunk(request)) {
    request.body.clear();
  }
  CHECK(request.trailers.empty());
  const std::string why = "nobody takes the rest of this response: the Runtime API answered with status 413: too much";
  instance.process.wait_for_output("closed: " + why);
  if (!caught) instance.process.wait_for_output("kiln::StreamClosed: " + why);
  CHECK(instance.platform.read().method == "GET");
  instance.platform.send(event("the-id", R"({"write":["next"]})"));
  CHECK(instance.platform.read().body == "next");
}

TEST_CASE("SIGTERM within a stream lets the handler end it") {
  const Gate gate;
  CppInstance instance("misbehave.stream");
  instance.start(json{{"write", {"a", "b"}}, {"gate", gate.path()}}.dump());
  gate.open();
  WireRequest request = instance.platform.read_head();
  CHECK(instance.platform.read_chunk(request));
  instance.process.signal(SIGTERM);
  gate.open();
  while (instance.platform.read_chunk(request)) {
  }
  CHECK(request.body == "ab");
  instance.platform.send(accepted());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
}

TEST_CASE("A handler may take a view of the event, with a stream or without") {
  CppInstance streaming("misbehave.stream_plain");
  CHECK(streaming.call(std::string("no \0 JSON", 9)).body == std::string("no \0 JSON", 9));
  CppInstance plain("misbehave.view");
  CHECK(plain.call("12345678").body == "\"1234\"");
}

TEST_CASE("A function that was built against the first header runs as it did") {
  CppInstance instance("abi_1.handler");
  const WireRequest post = instance.call("any bytes");
  CHECK(post.body == "any bytes");
  CHECK(post.field("Content-Type") == "application/json");
  const WireRequest failed = instance.call("");
  CHECK(json::parse(failed.body)["errorType"] == "Abi.One");
  CHECK(json::parse(failed.body)["errorMessage"] == "the-id");
}
