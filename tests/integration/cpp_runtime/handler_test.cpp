// SPDX-License-Identifier: Apache-2.0
// Events, results and the context of C++ handlers.
#include "runtime-api/protocol/deadline.hpp"
#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::test;
using nlohmann::json;

TEST_CASE("Any JSON value comes and goes") {
  CppInstance instance;
  for (const std::string text :
       {"{}", "[]", "null", "true", "12.5", "\"gr\xC3\xBC\xC3\x9F\"", "{\"a\":[1,{\"b\":null}]}"}) {
    const WireRequest post = instance.call(text);
    CHECK(post.path == "/2018-06-01/runtime/invocation/the-id/response");
    CHECK(post.field("Content-Type") == "application/json");
    CHECK(post.body == text);
  }
}

TEST_CASE("Six megabytes come and go") {
  CppInstance instance("misbehave.bytes");
  const std::string payload(6'291'456, 'x');
  CHECK(instance.call(payload).body == payload);
}

TEST_CASE("A handler over user types has its event read and its result written") {
  CppInstance instance("misbehave.twice");
  CHECK(instance.result({{"customer", "Ada"}, {"count", 21}}) == json{{"customer", "Ada"}, {"count", 42}});
}

TEST_CASE("A handler over standard types needs no words") {
  CppInstance instance("misbehave.sizes");
  CHECK(instance.result({"a", "bcd"}) == json{{"a", 1}, {"bcd", 3}});
}

TEST_CASE("A handler over bytes sees them and their type as they came") {
  CppInstance instance("misbehave.bytes");
  const std::string payload("\x00\xFF{not json", 11);
  const WireRequest post = instance.call(payload, "Content-Type: image/png\r\n");
  CHECK(post.body == std::string(payload.rbegin(), payload.rend()));
}

TEST_CASE("A handler may take nothing and return nothing") {
  CppInstance instance("misbehave.nothing");
  CHECK(instance.call("not even JSON").body == "null");
}

TEST_CASE("A lambda can be a handler") {
  CppInstance instance("misbehave.lambda");
  CHECK(instance.result(json(7)) == json{{"got", 7}});
}

TEST_CASE("The context knows the invocation and the function") {
  CppInstance instance("misbehave.handler", {"AWS_LAMBDA_FUNCTION_NAME=name", "AWS_LAMBDA_FUNCTION_VERSION=7",
                                             "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_LOG_GROUP_NAME=group",
                                             "AWS_LAMBDA_LOG_STREAM_NAME=stream"});
  const auto deadline = kiln::Deadline::after(std::chrono::seconds(30)).to_epoch_ms();
  const WireRequest post =
      instance.call(R"({"do":"context"})",
                    "Lambda-Runtime-Deadline-Ms: " + std::to_string(deadline) +
                        "\r\nLambda-Runtime-Invoked-Function-Arn: arn:x\r\nLambda-Runtime-Trace-Id: Root=1\r\n"
                        "Lambda-Runtime-Client-Context: {\"c\":1}\r\nLambda-Runtime-Cognito-Identity: {\"i\":2}\r\n"
                        "Lambda-Runtime-Aws-Tenant-Id: tenant\r\n");
  json context = json::parse(post.body);
  const auto remaining = context["remaining_ms"].get<long>();
  CHECK(remaining > 15'000);
  CHECK(remaining <= 30'000);
  context.erase("remaining_ms");
  CHECK(context == json{{"request_id", "the-id"},
                        {"invoked_function_arn", "arn:x"},
                        {"function_name", "name"},
                        {"function_version", "7"},
                        {"memory_limit_in_mb", 256},
                        {"log_group_name", "group"},
                        {"log_stream_name", "stream"},
                        {"trace_id", "Root=1"},
                        {"client_context", "{\"c\":1}"},
                        {"cognito_identity", "{\"i\":2}"},
                        {"tenant_id", "tenant"},
                        {"event_content_type", "application/json"}});
}

TEST_CASE("What the platform does not say is empty, and the time left is never negative") {
  CppInstance instance;
  const WireRequest post = instance.call(R"({"do":"context"})", "Lambda-Runtime-Deadline-Ms: 1\r\n");
  const json context = json::parse(post.body);
  CHECK(context["trace_id"] == json(""));
  CHECK(context["tenant_id"] == json(""));
  CHECK(context["memory_limit_in_mb"] == 0);
  CHECK(context["remaining_ms"] == 0);
}

TEST_CASE("The trace id is in the environment, and one invocation's is not the next one's") {
  CppInstance instance;
  const std::string ask = R"({"do":"env","name":"_X_AMZN_TRACE_ID"})";
  CHECK(instance.call(ask, "Lambda-Runtime-Trace-Id: Root=1\r\n").body == "\"Root=1\"");
  CHECK(instance.call(ask).body == "null");
}

TEST_CASE("The memory a handler has used is reported") {
  CppInstance instance;
  instance.call("{}");
  const std::string peak = instance.call(R"({"do":"memory","mb":80})").field("Kiln-Max-Rss-Kib");
  REQUIRE_FALSE(peak.empty());
  CHECK(std::stol(peak) > 80 * 1024);
}
