// SPDX-License-Identifier: Apache-2.0
// Streamed responses: from the runtime's chunks to the invoker's.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/server/event_stream.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Fields stream_fields() {
  return {{"Content-Type", "application/octet-stream"},
          {"Transfer-Encoding", "chunked"},
          {std::string(headers::response_mode), "streaming"},
          {"Trailer", std::string(headers::error_type)},
          {"Trailer", std::string(headers::error_body)}};
}

Fields error_trailers() {
  return {{std::string(headers::error_type), "Function.StreamFailed"},
          {std::string(headers::error_body),
           base64_encode(R"({"errorMessage":"broke off","errorType":"Function.StreamFailed"})")}};
}

/// A call for a streamed answer, whose runtime has begun to send it.
Running begin_stream(ServerBench& bench, std::string_view first) {
  Call call = bench.call_streaming();
  bench.await_start(call);
  RuntimePeer runtime = bench.runtime();
  Message event = runtime.next();
  std::string id = event_id(event);
  runtime.send(runtime.request_bytes("POST", response_target(id), stream_fields()) + chunk(first));
  return {std::move(call), std::move(runtime), std::move(event), std::move(id)};
}

StreamedAnswer whole(Running& running) {
  const Message answer = running.answer();
  expect_status(answer, 200, "a streamed invocation");
  return read_event_stream(answer.body);
}

/// What InvokeComplete says of an error; empty where it says none.
std::string error_code(const StreamedAnswer& answer) {
  expect(answer.complete.has_value(), "an InvokeComplete at the end of the stream", "none");
  const auto complete = json::parse(*answer.complete, nullptr, false);
  const auto code = complete.is_object() ? complete.value("ErrorCode", json()) : json();
  return code.is_string() ? code.get<std::string>() : std::string();
}

void buffered(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), stream_fields()) +
                       chunk("one,") + chunk("two,") + chunk("three") + last_chunk());
  expect_accepted(running.runtime.answer("a streamed response"), "a streamed response");
  expect_result(running.answer(), "one,two,three");
}

void trailers_accepted(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), stream_fields()) +
                       chunk("begun") + last_chunk(error_trailers()));
  expect_accepted(running.runtime.answer("a stream with error trailers"), "a stream with error trailers");
  running.answer();
  auto second = bench.call("2");
  const Message event = running.runtime.next();
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

void trailers_told(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), stream_fields()) +
                       last_chunk(error_trailers()));
  expect_accepted(running.runtime.answer("a stream with error trailers"), "a stream with error trailers");
  const Message answer = running.answer();
  const bool told = answer.field(headers::amz_function_error) || answer.body.find("broke off") != std::string::npos;
  expect(told, "the invoker of a whole answer told of the failure",
         std::to_string(answer.status()) + " " + shown(answer.body));
}

void trailers_without_mode(ServerBench& bench) {
  auto running = bench.running();
  auto fields = stream_fields();
  std::erase_if(fields, [](const auto& field) { return field.first == headers::response_mode; });
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), fields) +
                       last_chunk(error_trailers()));
  expect_accepted(running.runtime.answer("a chunked response with error trailers"),
                  "a chunked response with error trailers");
  const Message answer = running.answer();
  const bool told = answer.field(headers::amz_function_error) || answer.body.find("broke off") != std::string::npos;
  expect(told, "the invoker told of the failure", std::to_string(answer.status()) + " " + shown(answer.body));
}

void content(ServerBench& bench) {
  auto running = begin_stream(bench, "one,");
  running.runtime.send(chunk("two,") + chunk("three") + last_chunk());
  expect_accepted(running.runtime.answer("a streamed response"), "a streamed response");
  const StreamedAnswer answer = whole(running);
  expect_text("the invoker gets", "one,two,three", answer.payload);
  expect_text("the error code of InvokeComplete", "", error_code(answer));
}

void first_byte(ServerBench& bench) {
  auto running = begin_stream(bench, "the first of them");
  const Deadline deadline = Deadline::after(bench.patience());
  std::string seen;
  for (std::size_t bytes = 1; seen.find("the first") == std::string::npos && !deadline.passed(); ++bytes) {
    const Message& partial = running.call.partial_answer(bytes);
    bytes = partial.body.size();
    seen = read_event_stream(partial.body).payload;
  }
  expect_text("before the end the invoker gets", "the first of them", seen);
  running.runtime.send(chunk(", the last") + last_chunk());
  expect_accepted(running.runtime.answer("a streamed response"), "a streamed response");
  expect_text("in the end the invoker gets", "the first of them, the last", whole(running).payload);
}

void error_in_the_middle(ServerBench& bench) {
  auto running = begin_stream(bench, "begun ");
  running.runtime.send(last_chunk(error_trailers()));
  expect_accepted(running.runtime.answer("a stream with error trailers"), "a stream with error trailers");
  const StreamedAnswer answer = whole(running);
  expect_text("the invoker gets", "begun ", answer.payload);
  const std::string code = error_code(answer);
  expect(code == "Function.StreamFailed", "ErrorCode Function.StreamFailed in InvokeComplete", shown(code));
}

void cut(ServerBench& bench) {
  auto running = begin_stream(bench, "begun ");
  (void)running.call.partial_answer(1);
  running.runtime.close();
  const Message answer = running.call.answer();
  const std::string code = error_code(read_event_stream(answer.body));
  expect(!code.empty(), "an ErrorCode in InvokeComplete for a stream that breaks off", "none");
}

void error_instead(ServerBench& bench) {
  Call call = bench.call_streaming();
  bench.await_start(call);
  RuntimePeer runtime = bench.runtime();
  const Message event = runtime.next();
  expect_accepted(runtime.fail(event_id(event), R"({"errorMessage":"m","errorType":"Function.Failed"})"), "an error");
  const Message answer = call.answer();
  const std::string code = error_code(read_event_stream(answer.body));
  expect(!code.empty(), "an ErrorCode in InvokeComplete for an error", "none");
}

void back_pressure(ServerBench& bench) {
  auto running = begin_stream(bench, "begun ");
  const std::string part = chunk(std::string(1U << 20U, 's'));
  std::string rest;
  int sent = 0;
  for (; sent < 128 && rest.empty(); ++sent) rest = part.substr(running.runtime.send_part(part, 1s));
  expect(!rest.empty(), "a server that stops taking what the invoker does not read", "128 MiB taken");
  running.call.abandon();
}

void invoker_gone(ServerBench& bench) {
  auto running = begin_stream(bench, "begun ");
  (void)running.call.partial_answer(1);
  running.call.abandon();
  running.runtime.send(chunk("more ") + chunk("and more") + last_chunk());
  const auto answer = running.runtime.answer_or_end("a stream whose invoker has gone");
  RuntimePeer runtime = answer ? std::move(running.runtime) : bench.runtime();
  auto second = bench.call("2");
  const Message event = runtime.next();
  expect_text("the next event", "2", event.body);
  expect_accepted(runtime.respond(event_id(event), "2"));
  runtime.poll();
  expect_result(second.answer(), "2");
}

}  // namespace

ServerCases streaming_cases() {
  return {
      {{"stream.buffered", Level::must,
        "A streamed response is accepted, and reaches an invoker who waits for all of it", "Streams three chunks.",
        sources::streaming},
       buffered},
      {{"stream.trailers-accepted", Level::must, "A stream that ends in error trailers is accepted, too",
        "Streams a chunk and the trailers; polls again.", sources::streaming},
       trailers_accepted},
      {{"stream.trailers-told", Level::must, "The invoker who waits for all of it is told of the failure",
        "Streams nothing but error trailers.", sources::service},
       trailers_told},
      {{"stream.trailers-without-mode", Level::should, "Error trailers count without the mode header",
        "Posts as the Go client does when its reader fails.", sources::clients},
       trailers_without_mode},
      {{"stream.content", Level::must, "The invoker gets the chunks in order and whole",
        "Reads the event stream of a streamed invocation.", sources::invoke_stream},
       content},
      {{"stream.first-byte", Level::must, "Bytes reach the invoker as they are produced",
        "Waits for the first chunk at the invoker before it sends the second.", sources::invoke_stream},
       first_byte},
      {{"stream.error-in-the-middle", Level::must, "A failure in the middle reaches the invoker",
        "Ends a begun stream with error trailers; reads InvokeComplete.", sources::invoke_stream},
       error_in_the_middle},
      {{"stream.cut", Level::must, "So does a stream that breaks off", "Closes in the middle; reads InvokeComplete.",
        sources::invoke_stream},
       cut},
      {{"stream.error-instead", Level::must, "So does an error in its place", "Posts to /error; reads InvokeComplete.",
        sources::invoke_stream},
       error_instead},
      {{"stream.back-pressure", Level::should, "A slow invoker slows the runtime, and fills no memory",
        "Streams to an invoker who reads nothing, until the server takes no more.", sources::invoke_stream},
       back_pressure},
      {{"stream.invoker-gone", Level::must, "An invoker who goes away costs the runtime one invocation",
        "Resets the invoker's connection in the middle, ends the stream, polls again.", sources::invoke_stream},
       invoker_gone},
  };
}

}  // namespace kiln::conformance
