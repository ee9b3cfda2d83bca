// SPDX-License-Identifier: Apache-2.0
// Responses and errors: how posts are answered, and what the invoker gets of them.
#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

constexpr const char* error_body =
    R"({"errorMessage": "no such order", "errorType": "OrderError", "stackTrace": ["line 1", "line 2"]})";

// --- responses -------------------------------------------------------------------------------------------------------

void accepted_post(ServerBench& bench) {
  auto running = bench.running();
  const Message answer = running.runtime.respond(running.id, "\"ok\"", {{"Content-Type", "application/json"}});
  expect_accepted(answer, "a response");
  expect_json("the body of the 202", R"({"status":"OK"})", answer.body);
  expect_result(running.answer(), "\"ok\"");
}

void verbatim(ServerBench& bench) {
  const std::string body =
      "{ \"odd\" :\t[1 , 2] ,\n\"text\" : \"Gr\xC3\xBC\xC3\x9F"
      "e \\u0041\" }";
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, body, {{"Content-Type", "application/json"}}));
  expect_result(running.answer(), body);
}

void binary(ServerBench& bench) {
  std::string body;
  for (int byte = 0; byte < 256; ++byte) body += static_cast<char>(byte);
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, body, {{"Content-Type", "application/octet-stream"}}));
  expect_result(running.answer(), body);
}

void no_content_type(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "\"ok\""), "a response without Content-Type");
  expect_result(running.answer(), "\"ok\"");
}

void content_type(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "<p/>", {{"Content-Type", "text/html; charset=utf-8"}}));
  const auto type = running.answer().field("Content-Type");
  expect(type == "text/html; charset=utf-8", "the runtime's own Content-Type: text/html; charset=utf-8",
         type.value_or("none"));
}

void empty_body(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, ""), "a response of 0 bytes");
  expect_result(running.answer(), "");
}

void largest(ServerBench& bench) {
  const std::string body = "\"" + std::string(limits::max_response_payload - 2, 'r') + "\"";
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, body), "a response of 6,291,556 bytes");
  expect_result(running.answer(), body);
}

std::string too_large_body() { return "\"" + std::string(limits::max_response_payload - 1, 'r') + "\""; }

void too_large(ServerBench& bench) {
  auto running = bench.running();
  const Message refusal = running.runtime.respond(running.id, too_large_body());
  expect_refused(refusal, 413, error_types::request_entity_too_large, "a response of 6,291,557 bytes");
  expect_function_error(running.answer(), error_types::response_size_too_large);
}

void too_large_chunked(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(
      running.runtime.request_bytes("POST", response_target(running.id), {{"Transfer-Encoding", "chunked"}}) +
      chunk(too_large_body()) + last_chunk());
  expect_refused(running.runtime.answer("a chunked response of 6,291,557 bytes"), 413,
                 error_types::request_entity_too_large, "a chunked response of 6,291,557 bytes");
  expect_function_error(running.answer(), error_types::response_size_too_large);
}

void too_large_kept(ServerBench& bench) {
  auto running = bench.running();
  expect_status(running.runtime.respond(running.id, too_large_body()), 413, "a response of 6,291,557 bytes");
  running.answer();
  auto second = bench.call("2");
  const Message event = running.runtime.next();
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

void bad_mode(ServerBench& bench) {
  auto running = bench.running();
  const Message refusal =
      running.runtime.respond(running.id, "\"ok\"", {{std::string(headers::response_mode), "now-and-then"}});
  expect_refused(refusal, 400, error_types::invalid_response_mode, "a response of an unknown mode");
}

void bad_mode_told(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.respond(running.id, "\"ok\"", {{std::string(headers::response_mode), "now-and-then"}});
  expect_function_error(running.answer(), error_types::invalid_response_mode_header);
}

// --- errors ----------------------------------------------------------------------------------------------------------

void error_accepted(ServerBench& bench) {
  auto running = bench.running();
  const Message answer = running.runtime.fail(
      running.id, error_body,
      {{"Content-Type", "application/json"}, {std::string(headers::error_type), "Function.OrderError"}});
  expect_accepted(answer, "an error");
  expect_json("the body of the 202", R"({"status":"OK"})", answer.body);
  expect_text("the invoker gets", error_body, running.answer().body);
}

void error_bare(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.fail(running.id, error_body), "an error without any header of its own");
  expect_text("the invoker gets", error_body, running.answer().body);
}

void error_odd_type(ServerBench& bench) {
  auto running = bench.running();
  for (const char* type : {"unhandled", "Runtime.UserException", "OrderError", "Function.", ""}) {
    expect_accepted(running.runtime.fail(running.id, error_body, {{std::string(headers::error_type), type}}),
                    "an error of the type \"" + std::string(type) + "\"");
    expect_text("the invoker gets", error_body, running.answer().body);
    running.call = bench.call();
    running.event = running.runtime.next();
    running.id = event_id(running.event);
  }
  expect_accepted(running.runtime.respond(running.id, "1"));
}

void error_xray(ServerBench& bench) {
  const std::string cause =
      R"({"working_directory":"/var/task","exceptions":[],"paths":[],"padding":")" + std::string(60'000, 'x') + "\"}";
  auto running = bench.running();
  expect_accepted(running.runtime.fail(running.id, error_body, {{std::string(headers::xray_error_cause), cause}}),
                  "an error with an X-Ray cause of 60 kB");
  expect_text("the invoker gets", error_body, running.answer().body);
}

void error_chunked(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(running.runtime.request_bytes("POST", error_target(running.id),
                                                     {{"Transfer-Encoding", "chunked"},
                                                      {"Trailer", "Lambda-Runtime-Function-Error-Type"},
                                                      {"Trailer", "Lambda-Runtime-Function-Error-Body"}}) +
                       chunk(error_body) + last_chunk());
  expect_accepted(running.runtime.answer("a chunked error"), "a chunked error with declared trailers");
  expect_text("the invoker gets", error_body, running.answer().body);
}

void error_then_next(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.fail(running.id, error_body));
  running.answer();
  auto second = bench.call("2");
  const Message event = running.runtime.next();
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

}  // namespace

ServerCases result_cases() {
  return {
      {{"response.accepted", Level::must, "A response is answered with 202 and {\"status\":\"OK\"}", "Posts one.",
        sources::response},
       accepted_post},
      {{"response.verbatim", Level::must, "The invoker gets the response to the byte",
        "Posts odd spaces, escapes and characters of many bytes.", sources::invoke},
       verbatim},
      {{"response.binary", Level::must, "A response may be any bytes", "Posts all 256 of them.", sources::invoke},
       binary},
      {{"response.no-content-type", Level::must, "A response needs no content type", "As the Rust client posts.",
        sources::clients},
       no_content_type},
      {{"response.content-type", Level::should, "The invoker gets the runtime's content type", "Posts text/html.",
        sources::service},
       content_type},
      {{"response.empty", Level::must, "A response may be empty", "Posts 0 bytes.", sources::response}, empty_body},
      {{"response.largest", Level::must, "The largest response is taken whole", "Posts 6,291,556 bytes.",
        sources::quotas},
       largest},
      {{"response.too-large", Level::must, "A larger one is refused with 413, and the invoker is told",
        "Posts a byte more.", sources::response},
       too_large},
      {{"response.too-large-chunked", Level::must, "So is one whose size shows only as it comes",
        "Posts it in chunked coding.", sources::response},
       too_large_chunked},
      {{"response.too-large-connection-kept", Level::must, "A body that is too large is read to its end",
        "Polls over the same connection behind the 413.", sources::clients},
       too_large_kept},
      {{"response.bad-mode", Level::must, "An unknown response mode is refused with 400",
        "Posts with Lambda-Runtime-Function-Response-Mode: now-and-then.", sources::emulator},
       bad_mode},
      {{"response.bad-mode-told", Level::should, "The invoker is told of it", "Reads what the invoker gets.",
        sources::service},
       bad_mode_told},
  };
}

ServerCases failure_cases() {
  return {
      {{"error.accepted", Level::must, "An error is answered with 202, and the invoker gets it to the byte",
        "Posts one as the Python client does.", sources::error},
       error_accepted},
      {{"error.bare", Level::must, "An error needs no header of its own",
        "Posts one without Content-Type and Error-Type.", sources::clients},
       error_bare},
      {{"error.odd-type", Level::must, "An error type that is none of the known is no reason to refuse",
        "Posts five types, \"unhandled\" of the Rust client among them.", sources::clients},
       error_odd_type},
      {{"error.xray-cause", Level::must, "An X-Ray cause may be large", "Posts one of 60 kB in a header.",
        sources::error},
       error_xray},
      {{"error.chunked", Level::must, "An error may come in chunked coding, with declared trailers that do not come",
        "As the Go client posts.", sources::clients},
       error_chunked},
      {{"error.then-next", Level::must, "After an error the same runtime is given the next event",
        "Polls over the same connection.", sources::error},
       error_then_next},
  };
}

}  // namespace kiln::conformance
