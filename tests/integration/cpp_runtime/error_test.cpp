// SPDX-License-Identifier: Apache-2.0
// Exceptions become function errors; crashes end the process.
#include <csignal>

#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::test;
using nlohmann::json;

namespace {

/// The error body of one call; checks what all of them have in common.
json error_of(CppInstance& instance, const std::string& payload) {
  const WireRequest post = instance.call(payload);
  CHECK(post.path == "/2018-06-01/runtime/invocation/the-id/error");
  // In the order in which people and log tools are used to find them.
  const auto body = nlohmann::ordered_json::parse(post.body);
  CHECK(body.size() == 4);
  auto member = body.begin();
  CHECK((member++).key() == "errorMessage");
  CHECK((member++).key() == "errorType");
  CHECK((member++).key() == "requestId");
  CHECK((member++).key() == "stackTrace");
  CHECK(body["requestId"] == "the-id");
  CHECK(body["errorType"] == post.field("Lambda-Runtime-Function-Error-Type"));
  const json cause = json::parse(post.field("Lambda-Runtime-Function-XRay-Error-Cause"));
  CHECK(cause["exceptions"][0]["type"] == body["errorType"]);
  return json::parse(post.body);
}

}  // namespace

TEST_CASE("An exception is a function error with its class and message, and the next event is served") {
  CppInstance instance;
  const json error = error_of(instance, R"({"do":"throw","what":"class"})");
  CHECK(error["errorType"] == "shop::OutOfStock");
  CHECK(error["errorMessage"] == "no \"apples\" left");
  CHECK(instance.call("1").body == "1");
}

TEST_CASE("Whatever can be thrown is reported") {
  struct Case {
    std::string what, type, message;
  };
  const auto expected = GENERATE(Case{"named", "Order.NotFound", "no such order"}, Case{"int", "int", "42"},
                                 Case{"text", "char const*", "just text"}, Case{"string", "std::string", "a string"},
                                 Case{"struct", "shop::Order", "an exception that is no std::exception"});
  CppInstance instance;
  const json error = error_of(instance, json{{"do", "throw"}, {"what", expected.what}}.dump());
  CHECK(error["errorType"] == expected.type);
  CHECK(error["errorMessage"] == expected.message);
}

TEST_CASE("An event that is no JSON, or not the handler's type, is an unmarshal error") {
  SECTION("no JSON") {
    const std::string payload = GENERATE(as<std::string>{}, "", "{", "nope", "{\"a\":1}x", "\xFF");
    CppInstance instance;
    const json error = error_of(instance, payload);
    CHECK(error["errorType"] == "Runtime.UnmarshalError");
    CHECK(error["errorMessage"].get<std::string>().find("Unable to unmarshal input: ") == 0);
  }
  SECTION("another type") {
    const std::string payload = GENERATE(as<std::string>{}, "[]", "{}", R"({"customer":1,"count":1})");
    CppInstance instance("misbehave.twice");
    CHECK(error_of(instance, payload)["errorType"] == "Runtime.UnmarshalError");
  }
}

TEST_CASE("A result that is no UTF-8 is a marshal error") {
  CppInstance instance;
  const json error = error_of(instance, R"({"do":"not-utf8"})");
  CHECK(error["errorType"] == "Runtime.MarshalError");
  CHECK(error["errorMessage"].get<std::string>().find("Unable to marshal response: ") == 0);
}

TEST_CASE("A crash ends the process without an answer") {
  CppInstance instance;
  SECTION("abort") {
    instance.start(R"({"do":"abort"})");
    CHECK(instance.platform.peer_closes());
    CHECK(instance.process.wait().signal == SIGABRT);
  }
  SECTION("segmentation fault") {
    instance.start(R"({"do":"segv"})");
    CHECK(instance.platform.peer_closes());
    CHECK(instance.process.wait().signal == SIGSEGV);
  }
  SECTION("an exception on a thread") {
    instance.start(R"({"do":"thread"})");
    CHECK(instance.platform.peer_closes());
    CHECK(instance.process.wait().signal == SIGABRT);
  }
}

TEST_CASE("A function that exits has its own exit code") {
  const int code = GENERATE(0, 1, 42, 255);
  CppInstance instance;
  instance.start(json{{"do", "exit"}, {"code", code}}.dump());
  CHECK(instance.platform.peer_closes());
  CHECK(instance.process.wait().code == code);
}
