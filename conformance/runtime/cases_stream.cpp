// SPDX-License-Identifier: Apache-2.0
// Streamed responses. The test handler's behaviour "stream" sends `chunks` one after another, `pause_ms` apart; with `fail`,
// it fails with that message behind them.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

Event stream(std::string_view arguments) { return ask("stream", arguments); }

Message streamed(Instance& instance, const Event& event) {
  Message posted = instance.serve(event);
  expect(posted.target() == response_target(event.id), "a streamed response", "an error: " + shown(posted.body));
  return posted;
}

void mode_header(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["a","b"])"));
  const auto mode = posted.field(headers::response_mode);
  expect(mode == "streaming", std::string(headers::response_mode) + ": streaming", mode.value_or("no such header"));
  expect(posted.chunked, "Transfer-Encoding: chunked", "a body with a length");
}

void content(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["one,","zwö,","三",""," and the end"])"));
  expect_text("the chunks, joined,", "one,zwö,三 and the end", posted.body);
  instance.expect_to_go_on();
}

void first_byte(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["first","second","third"],"pause_ms":500)"));
  const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(posted.complete_at - posted.first_byte_at);
  expect(gap >= 700ms, "the first bytes about 1000 ms before the end", std::to_string(gap.count()) + " ms before it");
}

void trailers_declared(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["a"])"));
  std::string declared;
  for (const auto& [name, value] : posted.fields) {
    if (find_field({{name, value}}, "Trailer")) declared.append(value).append(",");
  }
  const auto names = [&](std::string_view header) { return declared.find(header) != std::string::npos; };
  expect(names(headers::error_type) && names(headers::error_body),
         "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
         declared.empty() ? "no Trailer header" : declared);
}

void no_error_trailers(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["a"])"));
  const auto type = posted.trailer(headers::error_type).value_or("");
  expect(type.empty(), "no error trailers behind a good stream", type);
}

void empty_stream(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":[])"));
  expect(posted.body.empty(), "a response of 0 bytes", shown(posted.body));
  instance.expect_to_go_on();
}

void error_in_the_middle(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Message posted = streamed(instance, stream(R"("chunks":["begun "],"pause_ms":300,"fail":"asked for")"));
  expect_text("what was sent before the failure,", "begun ", posted.body);
  const auto type = posted.trailer(headers::error_type);
  expect(type && !type->empty(), "the trailer " + std::string(headers::error_type), "none");
  const auto encoded = posted.trailer(headers::error_body);
  expect(encoded.has_value(), "the trailer " + std::string(headers::error_body), "none");
  const auto decoded = base64_decode(*encoded);
  const auto body = nlohmann::json::parse(decoded.value_or(""), nullptr, false);
  expect(body.is_object() && body.contains("errorType") &&
             body.value("errorMessage", std::string()).find("asked for") != std::string::npos,
         "base64 of JSON with errorType, and \"asked for\" in errorMessage", shown(decoded.value_or(*encoded)));
  instance.expect_to_go_on();
}

void error_before_anything(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  const Event event = stream(R"("chunks":[],"fail":"asked for")");
  const Message posted = instance.serve(event);
  const bool in_trailer = !posted.trailer(headers::error_type).value_or("").empty();
  expect(posted.target() == error_target(event.id) || in_trailer, "a post to /error, or error trailers",
         posted.target() + " with " + shown(posted.body));
  instance.expect_to_go_on();
}

void back_pressure(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  nlohmann::json chunks = nlohmann::json::array();
  constexpr std::size_t parts = 29;
  const std::string part(200'000, 's');
  for (std::size_t count = 0; count < parts; ++count) chunks.push_back(part);
  instance.answer(instance.poll(), stream("\"chunks\":" + chunks.dump()).answer());
  const Request begun = instance.post_head();
  instance.hold_reading(begun, true);
  const auto disturbed = instance.disturbance(1s);
  expect(!disturbed, "patience while the platform reads nothing", disturbed.value_or(""));
  instance.hold_reading(begun, false);
  const Request posted = instance.rest_of(begun);
  expect(posted.message.body.size() == parts * part.size(), std::to_string(parts * part.size()) + " bytes",
         std::to_string(posted.message.body.size()));
  instance.answer(posted, accepted());
  instance.expect_to_go_on();
}

void platform_closes(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  instance.answer(instance.poll(), stream(R"("chunks":["a","b","c","d","e","f"],"pause_ms":100)").answer());
  instance.close(instance.post_head(), true);
  if (instance.aftermath() == Instance::Aftermath::posted) instance.answer(instance.post(), accepted());
  if (instance.expect_poll_or_failure("a stream that the platform closed")) instance.expect_to_go_on();
}

void refused_stream(RuntimeBench& bench) {
  Instance instance = bench.start_streaming();
  instance.answer(instance.exchange(stream(R"("chunks":["a"])")), refused(413, "RequestEntityTooLarge"));
  if (instance.expect_poll_or_failure("a stream refused with 413")) instance.expect_to_go_on();
}

}  // namespace

RuntimeCases stream_cases() {
  return {
      {{"stream.mode-header", Level::must, "A streamed response says so, and is chunked",
        "Looks for Lambda-Runtime-Function-Response-Mode: streaming.", sources::streaming, "stream"},
       mode_header},
      {{"stream.content", Level::must, "The chunks arrive in order and whole",
        "Streams text of several scripts, an empty chunk among it.", sources::streaming, "stream"},
       content},
      {{"stream.first-byte", Level::must, "Bytes leave as they are produced, not at the end",
        "Streams three chunks 500 ms apart and measures.", sources::streaming, "stream"},
       first_byte},
      {{"stream.trailers-declared", Level::must, "Error trailers are declared in the head", "Reads the Trailer header.",
        sources::streaming, "stream"},
       trailers_declared},
      {{"stream.no-error-trailers", Level::must, "A good stream ends without an error", "Reads the trailers.",
        sources::streaming, "stream"},
       no_error_trailers},
      {{"stream.empty", Level::must, "A stream may be empty", "Streams no chunk at all.", sources::streaming, "stream"},
       empty_stream},
      {{"stream.error-in-the-middle", Level::must, "A failure behind the first byte is told in the trailers",
        "Lets the handler fail 300 ms after its first chunk.", sources::streaming, "stream-error"},
       error_in_the_middle},
      {{"stream.error-before-anything", Level::must, "A failure before the first byte is told",
        "Lets a streaming handler fail at once: /error and trailers are both fine.", sources::streaming,
        "stream-error"},
       error_before_anything},
      {{"stream.back-pressure", Level::must, "A platform may read slowly",
        "Leaves a stream of 5.8 MB unread for a second.", sources::streaming, "stream"},
       back_pressure},
      {{"stream.platform-closes", Level::must, "A stream that the platform closes does not hang the runtime",
        "Resets the connection in the middle.", sources::streaming, "stream"},
       platform_closes},
      {{"stream.refused", Level::must, "A refused stream does not hang the runtime", "Answers a stream with 413.",
        sources::streaming, "stream"},
       refused_stream},
  };
}

}  // namespace kiln::conformance
