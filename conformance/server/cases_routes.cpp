// SPDX-License-Identifier: Apache-2.0
// Paths, methods, and HTTP as such.
#include <utility>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

const std::string next_target(routes::next);

// --- routes ----------------------------------------------------------------------------------------------------------

void ping(ServerBench& bench) {
  auto runtime = bench.any_runtime();
  const Message answer = runtime.request("GET", routes::ping_2018);
  expect_status(answer, 200, "GET /2018-06-01/ping");
  expect_text("the body", "pong", answer.body);
}

void unknown_path(ServerBench& bench) {
  auto runtime = bench.any_runtime();
  for (const char* path : {"/2018-06-01/runtime/nothing", "/2018-06-01/runtime/invocation/next/more", "/nothing",
                           "/2099-01-01/runtime/invocation/next"}) {
    expect_status(runtime.request("GET", path), 404, std::string("GET ") + path);
  }
}

void wrong_method(ServerBench& bench) {
  auto runtime = bench.any_runtime();
  const std::string response = response_target(new_uuid());
  const std::vector<std::pair<std::string, std::string>> requests{
      {"POST", next_target}, {"DELETE", next_target}, {"GET", response}, {"GET", std::string(routes::init_error)}};
  for (const auto& [method, path] : requests) {
    const auto body = method == "POST" ? std::optional<std::string>("{}") : std::nullopt;
    expect_status(runtime.request(method, path, {}, body), 405, std::string(method).append(" ").append(path));
  }
}

void kept_after_refusal(ServerBench& bench) {
  auto call = bench.call();
  auto runtime = bench.runtime();
  expect_status(runtime.request("GET", "/nothing"), 404, "GET /nothing");
  expect_status(runtime.respond(new_uuid(), "{}"), 400, "a response to an unknown id");
  const Message event = runtime.next();
  expect_accepted(runtime.respond(event_id(event), "1"));
  runtime.poll();
  expect_result(call.answer(), "1");
}

// --- http ------------------------------------------------------------------------------------------------------------

void in_pieces(ServerBench& bench) {
  auto running = bench.running();
  const std::string bytes = running.runtime.request_bytes("POST", response_target(running.id),
                                                          {{"Content-Type", "application/json"}}, "\"ok\"");
  for (const char& byte : bytes) running.runtime.send(std::string_view(&byte, 1));
  expect_accepted(running.runtime.answer("a response sent byte by byte"));
  expect_result(running.answer(), "\"ok\"");
}

void slow_body(ServerBench& bench) {
  auto running = bench.running();
  const std::string bytes = running.runtime.request_bytes("POST", response_target(running.id), {}, "\"slow\"");
  running.runtime.send(std::string_view(bytes).substr(0, bytes.size() - 4));
  expect(running.runtime.quiet(1500ms), "patience with a body that pauses", "an answer, or the end");
  running.runtime.send(std::string_view(bytes).substr(bytes.size() - 4));
  expect_accepted(running.runtime.answer("a response that pauses for 1.5 s"));
  expect_result(running.answer(), "\"slow\"");
}

void any_case(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(
      "POST " + response_target(running.id) +
      " HTTP/1.1\r\nhOST: runtime\r\ncONTENT-lENGTH: 4\r\ncontent-TYPE: application/json\r\n\r\n\"ok\"");
  expect_accepted(running.runtime.answer("a response with odd cases in its header names"));
  expect_result(running.answer(), "\"ok\"");
}

void chunked(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(
      running.runtime.request_bytes("POST", response_target(running.id), {{"Transfer-Encoding", "chunked"}}) +
      chunk("\"in ") + chunk("chunks\"") + last_chunk());
  expect_accepted(running.runtime.answer("a chunked response"));
  expect_result(running.answer(), "\"in chunks\"");
}

void pipelined(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), {}, "1") +
                       running.runtime.request_bytes("GET", next_target));
  expect_accepted(running.runtime.answer("the first of two requests in one write"));
  expect_result(running.call.answer(), "1");
  auto second = bench.call("{\"second\":true}");
  const Message event = running.runtime.event();
  expect_text("the second event", "{\"second\":true}", event.body);
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

void expect_continue(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(head("POST " + response_target(running.id) + " HTTP/1.1",
                            {{"Host", "runtime"}, {"Content-Length", "4"}, {"Expect", "100-continue"}}));
  const Message first = running.runtime.answer("a request that waits for 100 Continue");
  expect_status(first, 100, "a request that waits for it");
  running.runtime.send("\"ok\"");
  expect_accepted(running.runtime.answer("the response behind it"));
  expect_result(running.answer(), "\"ok\"");
}

void connection_close(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "1", {{"Connection", "close"}}));
  expect(running.runtime.closed(bench.patience()), "the connection closed, as the runtime asked", "it stays open");
  auto other = bench.runtime();
  other.poll();
  expect_result(running.call.answer(), "1");
}

void other_connection(ServerBench& bench) {
  auto running = bench.running();
  auto other = bench.runtime();
  expect_accepted(other.respond(running.id, "\"from another\""), "a response over another connection");
  // Its own connection polls on, as clients do that have one for each.
  expect_result(running.answer(), "\"from another\"");
}

void garbage(ServerBench& bench) {
  auto running = bench.running();
  auto stray = bench.runtime();
  stray.send("no HTTP at all\r\n\r\n\r\n");
  const auto answer = stray.answer_or_end("what is no HTTP");
  if (answer) expect(answer->status() >= 400, "a refusal, or the end of the connection", answer->start_line);
  expect_accepted(running.runtime.respond(running.id, "1"), "a response beside it");
  expect_result(running.answer(), "1");
}

void two_lengths(ServerBench& bench) {
  auto running = bench.running();
  auto stray = bench.runtime();
  stray.send("POST " + response_target(running.id) +
             " HTTP/1.1\r\nHost: runtime\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  const auto answer = stray.answer_or_end("a request with two lengths");
  if (answer) expect_status(*answer, 400, "a body with a length and chunks at once");
  expect_accepted(running.runtime.respond(running.id, "1"), "a response beside it");
  expect_result(running.answer(), "1");
}

void truncated(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(
      running.runtime.request_bytes("POST", response_target(running.id), {{"Transfer-Encoding", "chunked"}}) +
      chunk("\"half of "));
  running.runtime.close();
  auto other = bench.runtime();
  other.poll();
  expect_function_error(running.call.answer(), error_types::truncated_response);
}

}  // namespace

ServerCases route_cases() {
  return {
      {{"route.ping", Level::should, "The API answers a ping", "GET /2018-06-01/ping.", sources::emulator}, ping},
      {{"route.unknown-path", Level::must, "An unknown path is 404", "Asks for four of them.", sources::emulator},
       unknown_path},
      {{"route.wrong-method", Level::must, "A known path with another method is 405",
        "POST and DELETE next, GET response and init/error.", sources::http_methods},
       wrong_method},
      {{"route.kept-after-refusal", Level::must, "A refusal leaves the connection as it was",
        "Asks for a path that is none, answers an unknown id, then polls, all over one connection.",
        sources::http_connections},
       kept_after_refusal},
  };
}

ServerCases http_cases() {
  return {
      {{"http.in-pieces", Level::must, "A request may come byte by byte", "Posts a response so.",
        sources::http_messages},
       in_pieces},
      {{"http.slow-body", Level::must, "A body may pause", "Posts a response that pauses for 1.5 s.",
        sources::http_messages},
       slow_body},
      {{"http.any-case", Level::must, "Header names are read without regard to case", "Posts a response with odd ones.",
        sources::http_fields},
       any_case},
      {{"http.chunked", Level::must, "A response may come in chunked coding", "As the Go client posts all of them.",
        sources::http_messages},
       chunked},
      {{"http.pipelined", Level::should, "A response and the next poll may come in one write",
        "Sends both before it reads an answer.", sources::http_connections},
       pipelined},
      {{"http.expect-continue", Level::should, "A request that waits for 100 Continue gets it",
        "Sends a head with Expect: 100-continue, and the body behind the 100.", sources::http_expect},
       expect_continue},
      {{"http.connection-close", Level::must, "A runtime may ask for the connection's end",
        "Posts a response with Connection: close.", sources::http_connections},
       connection_close},
      {{"http.other-connection", Level::must, "An instance may have several connections",
        "Polls over one, responds over another, as the Node client does.", sources::clients},
       other_connection},
      {{"http.garbage", Level::must, "Bytes that are no HTTP harm nobody else", "Sends them over a second connection.",
        sources::http_messages},
       garbage},
      {{"http.two-lengths", Level::should, "A body that could be read in two ways is refused",
        "Posts with Content-Length and chunks at once.", sources::http_messages},
       two_lengths},
      {{"http.truncated", Level::must, "A response that breaks off is an error to the invoker, not half a result",
        "Closes in the middle of a chunked body.", sources::service},
       truncated},
  };
}

}  // namespace kiln::conformance
