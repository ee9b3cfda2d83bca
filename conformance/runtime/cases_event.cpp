// SPDX-License-Identifier: Apache-2.0
// Events of all kinds and sizes reach the handler as they were sent.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

void expect_echo_of(Instance& instance, const std::string& value) {
  expect_json("the echo", value, instance.result_of(ask("echo", "\"value\":" + value)));
}

void simple_echo(RuntimeBench& bench) {
  Instance instance = bench.start();
  expect_echo_of(instance, "{\"key\":\"value\"}");
}

void kinds_of_json(RuntimeBench& bench) {
  Instance instance = bench.start();
  for (const char* value : {"null", "true", "false", "0", "-1", "1.5", "9007199254740991", "\"\"", "\"text\"", "[]",
                            "{}", "[[],{},[null]]", R"({"a":{"b":{"c":[1,2,{"d":"e"}]}}})"}) {
    expect_echo_of(instance, value);
  }
}

void unicode(RuntimeBench& bench) {
  Instance instance = bench.start();
  expect_echo_of(instance, "\"Grüße, 世界, 🙂, e\\u0301, \\ud83d\\ude42, \\u0000, \\\"quoted\\\", \\\\, \\n\"");
}

/// Anything that does not ask for a behaviour comes back as it is.
void plain_value(RuntimeBench& bench, const std::string& payload) {
  Instance instance = bench.start();
  Event event;
  event.payload = payload;
  expect_json("the event itself", payload, instance.result_of(event));
}

void one_byte(RuntimeBench& bench) { plain_value(bench, "7"); }
void empty_object(RuntimeBench& bench) { plain_value(bench, "{}"); }

void echo_of_size(RuntimeBench& bench, std::size_t size) {
  Instance instance = bench.start();
  Event event = ask("echo", "\"value\":\"\"");
  event.payload.insert(event.payload.size() - 2, std::string(size - event.payload.size(), 'k'));
  const std::string result = instance.result_of(event);
  const std::string expected = "\"" + std::string(size - ask("echo", "\"value\":\"\"").payload.size(), 'k') + "\"";
  expect_text("the echo", expected, result);
  instance.expect_to_go_on();
}

void hundred_kilobytes(RuntimeBench& bench) { echo_of_size(bench, 100'000); }
void largest(RuntimeBench& bench) { echo_of_size(bench, limits::max_request_payload); }

void sequence(RuntimeBench& bench) {
  Instance instance = bench.start();
  for (int number = 0; number < 100; ++number) expect_echo_of(instance, std::to_string(number));
}

/// An event that no handler can be given is answered with an error, or with whatever a runtime that takes bytes makes
/// of it; the next is served by the same process.
void answered_somehow(RuntimeBench& bench, const std::string& payload) {
  Instance instance = bench.start();
  Event event;
  event.payload = payload;
  instance.serve(event);
  instance.expect_to_go_on();
}

void empty_event(RuntimeBench& bench) { answered_somehow(bench, ""); }
void not_json(RuntimeBench& bench) { answered_somehow(bench, "{\"conformance\":"); }
void not_utf8(RuntimeBench& bench) { answered_somehow(bench, "\"\xFF\xC0\x80\""); }

}  // namespace

RuntimeCases event_cases() {
  return {
      {{"event.echo", Level::must, "An event reaches the handler, and its result the platform",
        "Asks the handler to return a value.", sources::custom},
       simple_echo},
      {{"event.kinds-of-json", Level::must, "Every kind of JSON value passes through",
        "Echoes null, booleans, numbers, strings, arrays, objects, nested and empty.", sources::custom},
       kinds_of_json},
      {{"event.unicode", Level::must, "Text keeps its characters",
        "Echoes characters of two to four bytes, surrogate pairs and escapes.", sources::custom},
       unicode},
      {{"event.one-byte", Level::must, "An event may be a bare value", "Sends the event 7, which comes back as it is.",
        sources::custom},
       one_byte},
      {{"event.empty-object", Level::must, "An event may be an empty object",
        "Sends the event {}, which comes back as it is.", sources::custom},
       empty_object},
      {{"event.hundred-kilobytes", Level::must, "An event of 100 kB passes through", "Echoes a string of 100 kB.",
        sources::quotas},
       hundred_kilobytes},
      {{"event.largest", Level::must, "The largest event passes through", "Echoes an event of 6,291,456 bytes.",
        sources::quotas},
       largest},
      {{"event.sequence", Level::must, "Events are answered one after another, each under its own id",
        "Echoes a hundred numbers through one process.", sources::next},
       sequence},
      {{"event.empty", Level::should, "An empty event is answered, and the next one served",
        "Sends an event of 0 bytes.", sources::clients},
       empty_event},
      {{"event.not-json", Level::should, "An event that is not JSON is answered, and the next one served",
        "Sends an event that breaks off.", sources::clients},
       not_json},
      {{"event.not-utf8", Level::should, "An event that is not UTF-8 is answered, and the next one served",
        "Sends a JSON string with bytes that are no characters.", sources::clients},
       not_utf8},
  };
}

}  // namespace kiln::conformance
