// SPDX-License-Identifier: Apache-2.0
// Polling: how the answer to GET next may come, and what must not depend on its form.
#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

/// Long enough for an impatient client to show itself, short enough to wait for.
constexpr auto long_poll = 3s;

Event echo() { return ask("echo", "\"value\":[1,\"two\"]"); }

void expect_echo(const Request& posted, const Event& event) {
  expect(posted.message.target() == response_target(event.id), "POST " + response_target(event.id), posted.line());
  expect_json("the echo", "[1,\"two\"]", posted.message.body);
}

/// The event reaches the handler though its answer is `bytes`.
void reaches_handler(RuntimeBench& bench, const Event& event, std::string_view bytes) {
  Instance instance = bench.start();
  instance.answer(instance.poll(), bytes);
  const Request posted = instance.post();
  expect_echo(posted, event);
  instance.answer(posted, accepted());
  instance.expect_to_go_on();
}

void parked(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request polled = instance.poll();
  const auto disturbed = instance.disturbance(long_poll);
  expect(!disturbed, "a poll that waits", disturbed.value_or(""));
  const Event event = echo();
  instance.answer(polled, event.answer());
  expect_echo(instance.post(), event);
}

void one_poll(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request polled = instance.poll();
  expect(instance.wait_for_polls(1, 500ms) == 0, "one poll at a time, without AWS_LAMBDA_MAX_CONCURRENCY",
         "a second one");
  const Event event = echo();
  instance.answer(polled, event.answer());
  const Request posted = instance.post();
  expect(instance.wait_for_polls(1, 500ms) == 0, "no poll before the event is answered", "a poll");
  expect_echo(posted, event);
}

void lower_case(RuntimeBench& bench) {
  const Event event = echo();
  auto fields = event.fields();
  for (auto& [name, value] : fields) {
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  fields.emplace_back("content-length", std::to_string(event.payload.size()));
  reaches_handler(bench, event, head("HTTP/1.1 200 OK", fields) + event.payload);
}

void chunked_event(RuntimeBench& bench) {
  const Event event = echo();
  auto fields = event.fields();
  fields.emplace_back("Transfer-Encoding", "chunked");
  const auto half = event.payload.size() / 2;
  reaches_handler(bench, event,
                  head("HTTP/1.1 200 OK", fields) + chunk(event.payload.substr(0, half)) +
                      chunk(event.payload.substr(half)) + last_chunk());
}

void in_pieces(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Event event = echo();
  const std::string bytes = event.answer();
  const Request polled = instance.poll();
  const std::size_t step = bytes.size() / 7 + 1;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    instance.send(polled, std::string_view(bytes).substr(at, step));
    const auto disturbed = at + step < bytes.size() ? instance.disturbance(60ms) : std::nullopt;
    expect(!disturbed, "patience until the event is whole", disturbed.value_or(""));
  }
  instance.answer(polled, {});
  expect_echo(instance.post(), event);
}

void more_headers(RuntimeBench& bench) {
  Event event = echo();
  event.more = {{"X-Unknown-To-All", "value"},
                {"Lambda-Runtime-Something-New", std::string(4096, 'n')},
                {"Date", "Thu, 01 Jan 2026 00:00:00 GMT"},
                {"Server", "kiln conformance"}};
  reaches_handler(bench, event, event.answer());
}

void connection_close(RuntimeBench& bench) {
  Instance instance = bench.start();
  Event event = echo();
  event.more = {{"Connection", "close"}};
  const Request polled = instance.poll();
  instance.answer(polled, event.answer());
  instance.close(polled);
  const Request posted = instance.post();
  expect_echo(posted, event);
  instance.answer(posted, accepted());
  instance.expect_to_go_on();
}

std::string without(const Event& event, std::string_view name) {
  auto fields = event.fields();
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return with_body("HTTP/1.1 200 OK", fields, event.payload);
}

void no_optional_headers(RuntimeBench& bench) {
  const Event event = echo();
  reaches_handler(bench, event, without(event, headers::function_arn));
}

void no_content_type(RuntimeBench& bench) {
  const Event event = echo();
  reaches_handler(bench, event, without(event, "Content-Type"));
}

void no_deadline(RuntimeBench& bench) {
  const Event event = echo();
  reaches_handler(bench, event, without(event, headers::deadline_ms));
}

void far_deadline(RuntimeBench& bench) {
  const Event event = echo();
  auto fields = event.fields();
  for (auto& [name, value] : fields) {
    if (name == headers::deadline_ms) value += "000";
  }
  reaches_handler(bench, event, with_body("HTTP/1.1 200 OK", fields, event.payload));
}

void past_deadline(RuntimeBench& bench) {
  Event event = echo();
  event.time_left = -5s;
  reaches_handler(bench, event, event.answer());
}

}  // namespace

RuntimeCases next_cases() {
  return {
      {{"next.parked", Level::must, "A poll waits without limit", "Leaves a poll unanswered for 3 s.", sources::next},
       parked},
      {{"next.one-at-a-time", Level::must, "A runtime asks for one event at a time and answers it before the next",
        "Looks for a second poll beside a parked one, and while an event is being handled.", sources::next},
       one_poll},
      {{"next.lower-case-headers", Level::must, "Header names are read without regard to case",
        "Answers a poll with all header names in lower case.", sources::http_fields},
       lower_case},
      {{"next.chunked", Level::must, "An event may come in chunked coding", "Answers a poll with a chunked body.",
        sources::http_messages},
       chunked_event},
      {{"next.in-pieces", Level::must, "An event may come in pieces",
        "Sends head and body in seven segments, 60 ms apart.", sources::http_messages},
       in_pieces},
      {{"next.unknown-headers", Level::must, "Headers that the runtime does not know are ignored",
        "Adds unknown headers to the event, one of them of 4 KiB.", sources::next},
       more_headers},
      {{"next.connection-close", Level::must, "The platform may close the connection behind an event",
        "Answers a poll with Connection: close, and closes.", sources::http_connections},
       connection_close},
      {{"next.no-optional-headers", Level::must, "The function's ARN is not needed",
        "Sends an event with request id, deadline and content type alone.", sources::clients},
       no_optional_headers},
      {{"next.no-content-type", Level::should, "The event's content type is not needed",
        "Sends an event without Content-Type.", sources::clients},
       no_content_type},
      {{"next.no-deadline", Level::should, "The deadline is not needed", "Sends an event without Deadline-Ms.",
        sources::clients},
       no_deadline},
      {{"next.far-deadline", Level::should, "A deadline in the far future is no harm",
        "Sends a deadline a thousand times too far, as the emulator's concurrent path does.", sources::emulator},
       far_deadline},
      {{"next.past-deadline", Level::must, "An event whose deadline has passed is the platform's business",
        "Sends an event whose deadline was 5 s ago.", sources::next},
       past_deadline},
  };
}

}  // namespace kiln::conformance
