// SPDX-License-Identifier: Apache-2.0
// Events: what a poll is answered with.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
    const bool hex = std::string_view("0123456789abcdefABCDEF").find(text[at]) != std::string_view::npos;
    if (dash ? text[at] != '-' : !hex) return false;
  }
  return true;
}

void finish(Running& running) {
  expect_accepted(running.runtime.respond(running.id, "1"));
  expect_result(running.answer(), "1");
}

void headers_there(ServerBench& bench) {
  auto running = bench.running();
  expect(is_uuid(running.id), std::string(headers::request_id) + ", a UUID", running.id);
  const auto arn = running.event.field(headers::function_arn);
  expect(arn && arn->starts_with("arn:aws"), std::string(headers::function_arn) + ", an ARN", arn.value_or("none"));
  const auto type = running.event.field("Content-Type");
  expect(type.has_value(), "Content-Type, which clients built on the C++ one need", "none");
  finish(running);
}

void deadline(ServerBench& bench) {
  using namespace std::chrono;
  const auto before = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  auto running = bench.running();
  const std::string text = running.event.field(headers::deadline_ms).value_or("");
  long long milliseconds_text = 0;
  std::from_chars(text.data(), text.data() + text.size(), milliseconds_text);
  const milliseconds left = milliseconds(milliseconds_text) - before;
  const milliseconds timeout = bench.timeout() > 0s ? milliseconds(bench.timeout()) : 900s;
  // The call may have waited for the instance: up to the patience on top.
  const bool good = left > 0ms && left <= timeout + bench.patience() && (bench.timeout() == 0s || left > timeout / 2);
  expect(
      good,
      std::string(headers::deadline_ms) + ", epoch milliseconds about " + std::to_string(timeout.count()) + " ms ahead",
      text.empty() ? "none" : text + ", " + std::to_string(left.count()) + " ms ahead");
  finish(running);
}

void verbatim(ServerBench& bench) {
  const std::string payload =
      "{ \"spaces\" : [1 ,2],\n\t\"text\":\"Gr\xC3\xBC\xC3\x9F"
      "e \\u0041 \xF0\x9F\x99\x82\" }";
  auto running = bench.running(payload);
  expect_text("the event", payload, running.event.body);
  finish(running);
}

void largest(ServerBench& bench) {
  const std::string payload = "\"" + std::string(limits::max_request_payload - 2, 'e') + "\"";
  auto running = bench.running(payload);
  expect_text("the event", payload, running.event.body);
  finish(running);
}

void empty_payload(ServerBench& bench) {
  auto running = bench.running("");
  expect_text("the event of an empty payload", "{}", running.event.body);
  finish(running);
}

void client_context(ServerBench& bench) {
  const std::string context = R"({"custom":{"key":"value"}})";
  auto running = bench.running("{}", {{std::string(headers::amz_client_context), base64_encode(context)}});
  const auto found = running.event.field(headers::client_context);
  expect(found.has_value(), std::string(headers::client_context), "none");
  expect_json("the client context, decoded", context, *found);
  finish(running);
}

void trace_id(ServerBench& bench) {
  const std::string trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  auto running = bench.running("{}", {{std::string(headers::amzn_trace_id), trace}});
  const auto found = running.event.field(headers::trace_id);
  expect(found.has_value(), std::string(headers::trace_id), "none");
  expect(found->find("Root=1-5759e988-bd862e3fe1be46a994272793") != std::string::npos, "the trace of the invoker",
         *found);
  finish(running);
}

void tenant_id(ServerBench& bench) {
  auto running = bench.running("{}", {{std::string(headers::amz_tenant_id), "tenant-7"}});
  const auto found = running.event.field(headers::tenant_id);
  expect(found == "tenant-7", std::string(headers::tenant_id) + ": tenant-7", found.value_or("none"));
  finish(running);
}

void invocation_id(ServerBench& bench) {
  auto running = bench.running();
  const auto first = running.event.field(headers::invocation_id);
  expect(first.has_value(), std::string(headers::invocation_id), "none");
  expect(is_uuid(*first), "a UUID", *first);
  finish(running);
  auto second = bench.call();
  const Message event = running.runtime.next();
  expect(event.field(headers::invocation_id) != first, "another one with each attempt", "the same again");
  expect_accepted(running.runtime.respond(
                      event_id(event), "2",
                      {{std::string(headers::invocation_id), event.field(headers::invocation_id).value_or("")}}),
                  "a response that echoes the invocation id");
  expect_result(second.answer(), "2");
}

void wrong_invocation_id(ServerBench& bench) {
  auto running = bench.running();
  if (!running.event.field(headers::invocation_id)) throw NotOffered{"the server sends no invocation id"};
  const Message refusal =
      running.runtime.respond(running.id, "\"of another\"", {{std::string(headers::invocation_id), new_uuid()}});
  expect_refused(refusal, 410, error_types::invoke_timeout, "a response that echoes another attempt's invocation id");
  expect(running.call.pending(200ms), "the invocation still open", "an answer to the invoker");
  finish(running);
}

void same_again(ServerBench& bench) {
  auto running = bench.running("{\"the\":\"same\"}");
  auto other = bench.runtime();
  const Message again = other.next();
  expect_text("the event of a second poll", "{\"the\":\"same\"}", again.body);
  expect(event_id(again) == running.id, "the same request id", event_id(again));
  finish(running);
}

void parked(ServerBench& bench) {
  auto running = bench.running();
  finish(running);
  running.runtime.poll();
  expect(running.runtime.quiet(3s), "a poll that waits for an event", "an answer, or the end");
  auto second = bench.call("{\"after\":\"a while\"}");
  const Message event = running.runtime.event();
  expect_text("the event", "{\"after\":\"a while\"}", event.body);
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

void abandoned(ServerBench& bench) {
  auto running = bench.running();
  finish(running);
  running.runtime.poll();
  expect(running.runtime.quiet(50ms), "a parked poll", "an answer, or the end");
  running.runtime.close();
  auto other = bench.runtime();
  other.poll();
  expect(other.quiet(100ms), "a parked poll", "an answer, or the end");
  auto second = bench.call("{\"for\":\"whoever is there\"}");
  const Message event = other.event();
  expect_text("the event", "{\"for\":\"whoever is there\"}", event.body);
  expect_accepted(other.respond(event_id(event), "2"));
  other.poll();
  expect_result(second.answer(), "2");
}

void sequence(ServerBench& bench) {
  auto running = bench.running("0");
  std::set<std::string> ids;
  for (int number = 1; number <= 50; ++number) {
    expect(ids.insert(running.id).second, "a request id of its own for each invocation", running.id + " twice");
    finish(running);
    running.call = bench.call(std::to_string(number));
    running.event = running.runtime.next();
    running.id = event_id(running.event);
    expect_text("the event", std::to_string(number), running.event.body);
  }
  finish(running);
}

}  // namespace

ServerCases event_delivery_cases() {
  return {
      {{"event.headers", Level::must, "An event says whose it is: request id, ARN, content type",
        "Reads the head of an event.", sources::next},
       headers_there},
      {{"event.deadline", Level::must, "An event says when it times out", "Compares Deadline-Ms with the clock.",
        sources::next},
       deadline},
      {{"event.verbatim", Level::must, "An event is the payload to the byte",
        "Invokes with odd spaces, escapes and characters of many bytes.", sources::invoke},
       verbatim},
      {{"event.largest", Level::must, "The largest payload is delivered whole", "Invokes with 6,291,456 bytes.",
        sources::quotas},
       largest},
      {{"event.empty-payload", Level::must, "An empty payload becomes {}",
        "Invokes with nothing; official clients exit at an event of 0 bytes.", sources::service},
       empty_payload},
      {{"event.client-context", Level::must, "The client context is delivered, decoded",
        "Invokes with X-Amz-Client-Context.", sources::next},
       client_context},
      {{"event.trace-id", Level::must, "The trace id is delivered", "Invokes with X-Amzn-Trace-Id.", sources::service},
       trace_id},
      {{"event.tenant-id", Level::should, "The tenant is delivered", "Invokes with X-Amz-Tenant-Id.", sources::invoke},
       tenant_id},
      {{"event.invocation-id", Level::should, "Each attempt has an invocation id of its own",
        "Reads Lambda-Runtime-Invocation-Id of two events, and echoes one.", sources::invocation_id},
       invocation_id},
      {{"event.wrong-invocation-id", Level::should,
        "A response of another attempt is refused, the invocation stays open", "Echoes an invocation id that is none.",
        sources::invocation_id},
       wrong_invocation_id},
      {{"event.same-again", Level::must, "A runtime that polls again while it has an event is given the same",
        "Polls over a second connection.", sources::emulator},
       same_again},
      {{"event.parked", Level::must, "A poll waits until there is an event",
        "Leaves a poll parked for 3 s, then invokes.", sources::next},
       parked},
      {{"event.abandoned", Level::must, "A runtime that goes away while it waits loses no event",
        "Closes the connection of a parked poll, polls over another, then invokes.", sources::clients},
       abandoned},
      {{"event.sequence", Level::must, "Invocations come one after another, each with an id of its own",
        "Fifty of them over one connection.", sources::next},
       sequence},
  };
}

}  // namespace kiln::conformance
