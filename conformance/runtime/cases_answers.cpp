// SPDX-License-Identifier: Apache-2.0
// Responses and errors: what a runtime posts, and to where.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Event echo() { return ask("echo", "\"value\":\"ok\""); }
Event failure() { return ask("error", "\"message\":\"asked for\""); }

// --- responses -------------------------------------------------------------------------------------------------------

void response_target_kept(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Event event = echo();
  const Request posted = instance.exchange(event);
  expect(posted.line() == "POST " + response_target(event.id), "POST " + response_target(event.id), posted.line());
}

void response_framed(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Message posted = instance.serve(echo());
  expect(posted.length.has_value() || posted.chunked, "a body with Content-Length or in chunked coding", "neither");
  expect_json("the body", "\"ok\"", posted.body);
}

void response_content_type(RuntimeBench& bench) {
  Instance instance = bench.start();
  const auto type = instance.serve(echo()).field("Content-Type");
  expect(type && type->starts_with("application/json"), "Content-Type: application/json", type.value_or("none"));
}

void answered_once(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.serve(echo());
  instance.poll();
  const auto disturbed = instance.disturbance(1s);
  expect(!disturbed, "one post for one event, then a poll that waits", disturbed.value_or(""));
}

/// Posts to `target` carry the invocation id of the event, each event its own.
void echoes_invocation_id(RuntimeBench& bench, Event (*make)()) {
  Instance instance = bench.start();
  for (int round = 0; round < 2; ++round) {
    const std::string id = new_uuid();
    Event event = make();
    event.more = {{std::string(headers::invocation_id), id}};
    const auto echoed = instance.serve(event).field(headers::invocation_id);
    expect(echoed == id, std::string(headers::invocation_id) + ": " + id, echoed.value_or("no such header"));
  }
}
void response_invocation_id(RuntimeBench& bench) { echoes_invocation_id(bench, echo); }
void error_invocation_id(RuntimeBench& bench) { echoes_invocation_id(bench, failure); }

void null_result(RuntimeBench& bench) {
  Instance instance = bench.start();
  expect_json("the body", "null", instance.result_of(ask("echo", "\"value\":null")));
}

void big_result(RuntimeBench& bench) {
  Instance instance = bench.start();
  const std::size_t size = limits::max_request_payload - 2;
  const std::string result = instance.result_of(ask("big", "\"size\":" + std::to_string(size)));
  expect_text("the result", "\"" + std::string(size, 'x') + "\"", result);
  instance.expect_to_go_on();
}

void slow_reader(RuntimeBench& bench) {
  Instance instance = bench.start();
  const std::size_t size = 6'000'000;
  instance.answer(instance.poll(), ask("big", "\"size\":" + std::to_string(size)).answer());
  const Request begun = instance.post_head();
  instance.hold_reading(begun, true);
  const auto disturbed = instance.disturbance(1s);
  expect(!disturbed, "patience while the platform reads nothing", disturbed.value_or(""));
  instance.hold_reading(begun, false);
  const Request posted = instance.rest_of(begun);
  expect(posted.message.body.size() == size + 2, std::to_string(size + 2) + " bytes",
         std::to_string(posted.message.body.size()));
  instance.answer(posted, accepted());
  instance.expect_to_go_on();
}

void late_accept(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request posted = instance.exchange(echo());
  const auto disturbed = instance.disturbance(2s);
  expect(!disturbed, "patience until the post is answered", disturbed.value_or(""));
  instance.answer(posted, accepted());
  instance.expect_to_go_on();
}

void accept_in_pieces(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request posted = instance.exchange(echo());
  const std::string bytes = accepted();
  for (const char& byte : bytes) instance.send(posted, std::string_view(&byte, 1));
  instance.answer(posted, {});
  instance.expect_to_go_on();
}

void accept_then_close(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request posted = instance.exchange(echo());
  instance.answer(posted, with_body("HTTP/1.1 202 Accepted", {{"Connection", "close"}}, "{\"status\":\"OK\"}\n"));
  instance.close(posted);
  instance.expect_to_go_on();
}

void accept_then_close_unannounced(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request posted = instance.exchange(echo());
  instance.answer(posted, accepted());
  instance.close(posted);
  instance.expect_to_go_on();
}

void accept_without_body(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request posted = instance.exchange(echo());
  instance.answer(posted, with_body("HTTP/1.1 202 Accepted", {}, ""));
  instance.expect_to_go_on();
}

// --- errors ----------------------------------------------------------------------------------------------------------

void error_posted(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Message posted = instance.error_of(failure());
  const json body = json::parse(posted.body, nullptr, false);
  const bool whole =
      body.is_object() && body.value("errorType", json()).is_string() && body.value("errorMessage", json()).is_string();
  expect(whole, "a JSON object with the strings errorMessage and errorType", shown(posted.body));
  expect(body["errorMessage"].get<std::string>().find("asked for") != std::string::npos,
         "an errorMessage with the handler's own \"asked for\"", body["errorMessage"].dump());
  expect(!body["errorType"].get<std::string>().empty(), "an errorType", "an empty one");
}

void error_type_header(RuntimeBench& bench) {
  Instance instance = bench.start();
  const auto type = instance.error_of(failure()).field(headers::error_type);
  expect(type && !type->empty(), "the header " + std::string(headers::error_type), type ? "an empty one" : "none");
}

void error_stack_trace(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Message posted = instance.error_of(failure());
  const json body = json::parse(posted.body, nullptr, false);
  const json trace = body.is_object() ? body.value("stackTrace", body.value("trace", json())) : json();
  expect(trace.is_array(), "stackTrace, an array", shown(posted.body));
}

void error_odd_message(RuntimeBench& bench) {
  Instance instance = bench.start();
  const std::string message = R"("two lines\r\nX-Injected: yes\r\n\r\n, \"quotes\", Grüße 🙂, \u0000")";
  const Message posted = instance.error_of(ask("error", "\"message\":" + message));
  expect(!posted.field("X-Injected"), "no header made of the message", "X-Injected");
  const json body = json::parse(posted.body, nullptr, false);
  expect(body.is_object() && body.value("errorMessage", json()).is_string(), "an error body that is JSON",
         shown(posted.body));
  expect(body["errorMessage"].get<std::string>().find("Grüße 🙂") != std::string::npos,
         "an errorMessage with its characters kept", body["errorMessage"].dump());
  instance.expect_to_go_on();
}

void error_xray_cause(RuntimeBench& bench) {
  Instance instance = bench.start();
  const auto cause = instance.error_of(failure()).field(headers::xray_error_cause);
  if (!cause || cause->empty()) throw NotOffered{"the runtime sends no X-Ray cause"};
  expect(cause->size() <= limits::max_xray_cause, "at most 65536 bytes", std::to_string(cause->size()) + " bytes");
  const json body = json::parse(*cause, nullptr, false);
  expect(body.is_object() && body.value("exceptions", json()).is_array(), "a JSON object with an array exceptions",
         shown(*cause));
}

void error_then_next(RuntimeBench& bench) {
  Instance instance = bench.start();
  for (int round = 0; round < 20; ++round) {
    instance.error_of(failure());
    instance.expect_to_go_on();
  }
}

void handler_exits(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.answer(instance.poll(), ask("exit", "\"code\":7").answer());
  const auto what = instance.aftermath();
  expect(what != Instance::Aftermath::posted, "no post for an invocation in which the process ended", "a post");
  const auto ending = instance.ending(instance.patience());
  expect(ending.has_value(), "the end of the process", "it lives on");
  expect(ending->code == 7, "exit status 7, the handler's own", ending->text());
}

}  // namespace

RuntimeCases response_cases() {
  return {
      {{"response.target", Level::must, "A result is posted to /response under the id of its event",
        "Reads the request line of the post.", sources::response},
       response_target_kept},
      {{"response.framing", Level::must, "A result is posted as one whole HTTP body",
        "Reads the body by Content-Length or chunks.", sources::http_messages},
       response_framed},
      {{"response.content-type", Level::should, "A JSON result says that it is JSON",
        "Looks for Content-Type: application/json.", sources::clients},
       response_content_type},
      {{"response.once", Level::must, "An event is answered once", "Waits a second behind an accepted response.",
        sources::response},
       answered_once},
      {{"response.invocation-id", Level::should, "The invocation id is echoed with the response",
        "Sends two events with a Lambda-Runtime-Invocation-Id each.", sources::invocation_id},
       response_invocation_id},
      {{"response.null", Level::must, "A handler may return nothing", "Echoes null.", sources::custom}, null_result},
      {{"response.largest", Level::must, "The largest result is posted whole",
        "Asks for a result of 6 MiB, and for another after it.", sources::quotas, "big"},
       big_result},
      {{"response.slow-reader", Level::must, "A platform may read slowly",
        "Leaves the body of a large response unread for a second.", sources::http_messages, "big"},
       slow_reader},
      {{"response.late-accept", Level::must, "A post is answered when it is answered",
        "Answers a response only after 2 s.", sources::response},
       late_accept},
      {{"response.accept-in-pieces", Level::must, "The 202 may come byte by byte", "Sends it so.",
        sources::http_messages},
       accept_in_pieces},
      {{"response.accept-then-close", Level::must, "The platform may close the connection behind a 202",
        "Answers a response with Connection: close, and closes.", sources::http_connections},
       accept_then_close},
      {{"response.accept-then-close-unannounced", Level::must, "The platform may close an idle connection unannounced",
        "Closes behind a 202 that did not say so.", sources::clients},
       accept_then_close_unannounced},
      {{"response.accept-without-body", Level::must, "The body of a 202 means nothing", "Sends a 202 with no body.",
        sources::response},
       accept_without_body},
  };
}

RuntimeCases error_cases() {
  return {
      {{"error.posted", Level::must, "A handler's failure is posted to /error, with its message and type",
        "Asks the handler to fail.", sources::error},
       error_posted},
      {{"error.type-header", Level::should, "The error's type is in a header as well",
        "Looks for Lambda-Runtime-Function-Error-Type.", sources::error},
       error_type_header},
      {{"error.stack-trace", Level::should, "An error comes with its stack trace, even if it is empty",
        "Looks for an array stackTrace.", sources::error},
       error_stack_trace},
      {{"error.odd-message", Level::must, "An error's message becomes neither header nor broken JSON",
        "Fails with a message of line ends, quotes and characters of many bytes.", sources::error},
       error_odd_message},
      {{"error.xray-cause", Level::should, "An X-Ray cause, where one is sent, is JSON on one line, of at most 64 KiB",
        "Reads Lambda-Runtime-Function-XRay-Error-Cause.", sources::error},
       error_xray_cause},
      {{"error.then-next", Level::must, "After an error the same process serves the next event",
        "Lets twenty invocations fail, each followed by one that does not.", sources::custom},
       error_then_next},
      {{"error.invocation-id", Level::should, "The invocation id is echoed with an error",
        "Sends two events with a Lambda-Runtime-Invocation-Id each.", sources::invocation_id},
       error_invocation_id},
      {{"error.handler-exits", Level::must, "A handler that ends the process ends it, with its own status",
        "Asks the handler to exit with 7.", sources::lifecycle, "exit"},
       handler_exits},
  };
}

}  // namespace kiln::conformance
