// SPDX-License-Identifier: Apache-2.0
// What the handler is told beside the event. The test handler's behaviour "context" returns it as an object; a member that
// the runtime has no word for is left out, and its case does not apply.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

json context_of(Instance& instance, const Event& event) {
  const std::string result = instance.result_of(event);
  json context = json::parse(result, nullptr, false);
  expect(context.is_object(), "an object with what the handler is told", shown(result));
  return context;
}

json member(const json& context, const char* name) {
  if (!context.contains(name)) throw NotOffered{std::string("the handler's context has no ") + name};
  return context[name];
}

/// A member that may be an object, or its JSON as text.
json object_member(const json& context, const char* name) {
  json value = member(context, name);
  return value.is_string() ? json::parse(value.get<std::string>(), nullptr, false) : value;
}

void expect_member(const json& context, const char* name, const json& expected) {
  const json found = member(context, name);
  expect(found == expected, std::string(name) + " " + expected.dump(), found.dump());
}

void request_id(RuntimeBench& bench) {
  Instance instance = bench.start();
  for (int round = 0; round < 2; ++round) {
    const Event event = ask("context");
    expect_member(context_of(instance, event), "request_id", event.id);
  }
}

void function_arn(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.function_arn = "arn:aws:lambda:eu-north-1:123456789012:function:conformance:live";
  expect_member(context_of(instance, event), "function_arn", event.function_arn);
}

void remaining_time(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.time_left = 50s;
  const json left = member(context_of(instance, event), "remaining_ms");
  const bool close = left.is_number() && left > 30'000 && left <= 50'000;
  expect(close, "remaining_ms a little below 50000", left.dump());
}

void no_time_left(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.time_left = -5s;
  const json left = member(context_of(instance, event), "remaining_ms");
  expect(left.is_number() && left <= 0, "remaining_ms 0 after the deadline", left.dump());
}

void trace_id(RuntimeBench& bench) {
  Instance instance = bench.start();
  const std::string first = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  const std::string second = "Root=1-67891234-abcdef012345678912345678;Parent=0123456789abcdef;Sampled=0";
  for (const auto& trace : {first, second}) {
    Event event = ask("context");
    event.more = {{std::string(headers::trace_id), trace}};
    expect_member(context_of(instance, event), "trace_id", trace);
  }
}

void no_trace_id(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event traced = ask("context");
  traced.more = {{std::string(headers::trace_id), "Root=1-5759e988-bd862e3fe1be46a994272793"}};
  member(context_of(instance, traced), "trace_id");
  const json context = context_of(instance, ask("context"));
  const std::string left = context.value("trace_id", json()).dump();
  expect(left == "null" || left == R"("")", "no trace id for an event without one", "the last event's: " + left);
}

void client_context(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.more = {{std::string(headers::client_context),
                 R"({"client":{"app_title":"conformance"},"custom":{"key":"value"},"env":{"locale":"en"}})"}};
  const json found = object_member(context_of(instance, event), "client_context");
  expect(found.is_object() && found.value("custom", json()) == json{{"key", "value"}},
         R"(client_context with "custom":{"key":"value"})", found.dump());
}

void no_client_context(RuntimeBench& bench) {
  Instance instance = bench.start();
  const std::string found = member(context_of(instance, ask("context")), "client_context").dump();
  expect(found == "null" || found == R"("")" || found == "{}", "no client context where the event has none", found);
}

void bad_client_context(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("echo", "\"value\":1");
  event.more = {{std::string(headers::client_context), "{not json"}};
  instance.serve(event);
  instance.expect_to_go_on();
}

void cognito_identity(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.more = {{std::string(headers::cognito_identity),
                 R"({"cognitoIdentityId":"eu-north-1:id","cognitoIdentityPoolId":"eu-north-1:pool"})"}};
  const json found = object_member(context_of(instance, event), "cognito_identity");
  expect(found.is_object() && found.value("cognitoIdentityId", json()) == "eu-north-1:id",
         R"(cognito_identity with "cognitoIdentityId":"eu-north-1:id")", found.dump());
}

void tenant_id(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = ask("context");
  event.more = {{std::string(headers::tenant_id), "tenant-7"}};
  expect_member(context_of(instance, event), "tenant_id", "tenant-7");
}

void from_environment(RuntimeBench& bench) {
  Instance instance = bench.start();
  const json context = context_of(instance, ask("context"));
  expect_member(context, "function_name", "conformance");
  expect_member(context, "function_version", "$LATEST");
  const json memory = member(context, "memory_mb");
  expect(memory == 256 || memory == "256", "memory_mb 256", memory.dump());
  expect_member(context, "log_group", "/aws/lambda/conformance");
}

}  // namespace

RuntimeCases context_cases() {
  return {
      {{"context.request-id", Level::must, "The handler is told the id of its invocation",
        "Asks for the context of two events.", sources::next, "context"},
       request_id},
      {{"context.function-arn", Level::must, "The handler is told under which ARN it was called",
        "Sends an event with the ARN of an alias.", sources::next, "context"},
       function_arn},
      {{"context.remaining-time", Level::must, "The handler is told how much time is left",
        "Sends an event with a deadline in 50 s.", sources::next, "context"},
       remaining_time},
      {{"context.no-time-left", Level::should, "After the deadline the time left is 0",
        "Sends an event whose deadline was 5 s ago.", sources::clients, "context"},
       no_time_left},
      {{"context.trace-id", Level::must, "The handler is told the trace id, a new one with each event",
        "Sends two events with different trace ids; _X_AMZN_TRACE_ID counts as well.", sources::next, "context"},
       trace_id},
      {{"context.no-trace-id", Level::should, "A trace id ends with its event",
        "Sends an event with a trace id, then one without.", sources::clients, "context"},
       no_trace_id},
      {{"context.client-context", Level::must, "The handler is told the client context",
        "Sends an event with a client context, and looks for its custom part.", sources::next, "context"},
       client_context},
      {{"context.no-client-context", Level::must, "Without a client context the handler is told of none",
        "Sends an event without one.", sources::next, "context"},
       no_client_context},
      {{"context.bad-client-context", Level::should,
        "A client context that is not JSON is answered, the next event served", "Sends one that breaks off.",
        sources::clients},
       bad_client_context},
      {{"context.cognito-identity", Level::must, "The handler is told the Cognito identity",
        "Sends an event with an identity.", sources::next, "context"},
       cognito_identity},
      {{"context.tenant-id", Level::should, "The handler is told the tenant", "Sends an event with a tenant id.",
        sources::clients, "context"},
       tenant_id},
      {{"context.environment", Level::must, "The handler is told the function's name, version, memory and log group",
        "Compares them with the variables the runtime was started with.", sources::environment, "context"},
       from_environment},
  };
}

}  // namespace kiln::conformance
