// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_store.hpp"

#include <chrono>
#include <optional>
#include <vector>

#include "tests/unit/telemetry/log_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string number_lines(int from, int to) {
  std::string lines;
  for (int i = from; i < to; ++i) lines += "line " + std::to_string(i) + "\n";
  return lines;
}

}  // namespace

TEST_CASE("Reading is by function, and by invocation, stream and number of events") {
  Logs logs;
  auto one = logs.store.open("one", LogFormat::text);
  auto other = logs.store.open("other", LogFormat::text);
  auto one_again = logs.store.open("one", LogFormat::text);
  one.start(first_id, "$LATEST");
  one_again.start(second_id, "$LATEST");
  one.output("a\n");
  one_again.output("b\n");
  other.output("c\n");
  const std::string first = "START RequestId: " + std::string(first_id) + " Version: $LATEST\n";
  const std::string second = "START RequestId: " + std::string(second_id) + " Version: $LATEST\n";
  CHECK(logs.read("one") == first + second + "a\nb\n");
  CHECK(logs.read("one", {.request_id = first_id, .times = false}) == first + "a\n");
  CHECK(logs.read("one", {.stream = one_again.stream(), .times = false}) == second + "b\n");
  CHECK(logs.read("one", {.tail_lines = 1, .times = false}) == "b\n");
  CHECK(logs.read("other") == "c\n");
  CHECK(logs.read("never heard of").empty());
}

TEST_CASE("Each event of a text stream is shown with its time, those of a JSON stream as they are") {
  Logs logs;
  auto text = logs.store.open("text", LogFormat::text);
  auto json = logs.store.open("json", LogFormat::json);
  text.output("hello\n");
  json.output("{\"level\":\"INFO\"}\n");
  json.end(first_id);
  const std::string shown = logs.read("text", {});
  REQUIRE(shown.size() == 24 + 1 + 6);
  CHECK(shown.substr(4, 1) == "-");
  CHECK(shown.substr(23) == "Z hello\n");
  CHECK(logs.read("json", {}) == "{\"level\":\"INFO\"}\n");
}

TEST_CASE("Memory holds the newest events of a function, within its limit, and forgets the oldest first") {
  LogOptions options;
  options.memory_per_function = 64 * 1024;
  Logs logs(options);
  auto log = logs.store.open("chatty", LogFormat::text);
  log.output(number_lines(0, 20'000));
  const std::string held = logs.read("chatty");
  CHECK(held.find("line 19999\n") != std::string::npos);
  CHECK(held.find("line 0\n") == std::string::npos);
  CHECK(held.size() < 64 * 1024);
  CHECK(held.size() > 8 * 1024);
  const int oldest = std::stoi(held.substr(5));
  CHECK(held == number_lines(oldest, 20'000));
}

TEST_CASE("An event larger than a function's whole memory is held alone") {
  LogOptions options;
  options.memory_per_function = 8 * 1024;
  Logs logs(options);
  auto log = logs.store.open("chatty", LogFormat::text);
  log.output("small\n");
  log.output(std::string(100'000, 'x') + "\n");
  CHECK(logs.read("chatty") == std::string(100'000, 'x') + "\n");
  log.output("after\n");
  CHECK(logs.read("chatty") == "after\n");
}

TEST_CASE("A tail finds its START also where memory has wrapped between, or says what is left") {
  LogOptions options;
  options.memory_per_function = 16 * 1024;
  Logs logs(options);
  auto log = logs.store.open("chatty", LogFormat::text);
  for (int i = 0; i < 500; ++i) {
    log.start(first_id, "$LATEST");
    log.end(first_id);
  }
  log.start(second_id, "$LATEST");
  CHECK(log.tail(second_id) == "START RequestId: " + std::string(second_id) + " Version: $LATEST\n");
  log.output(number_lines(0, 5000));
  log.end(second_id);
  const auto tail = log.tail(second_id);
  CHECK(tail.find("line 4999\nEND RequestId: ") != std::string::npos);
}

TEST_CASE("A follower sees what is recorded from then on, as read() would show it, until it ends its subscription") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("before\n");
  std::string seen;
  auto subscription =
      logs.store.subscribe("hello", {.times = false}, [&](const LogEvent&, std::string_view text) { seen += text; });
  log.output("one\ntwo\rthree\n");
  CHECK(seen == "one\ntwo\n  three\n");
  subscription.end();
  log.output("four\n");
  CHECK(seen == "one\ntwo\n  three\n");
}

TEST_CASE("A follower may ask for one invocation, and may follow a function that has not logged yet") {
  Logs logs;
  std::string seen;
  const auto subscription = logs.store.subscribe("hello", {.request_id = second_id, .times = false},
                                                 [&](const LogEvent&, std::string_view text) { seen += text; });
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("init\n");
  for (const char* id : {first_id, second_id}) {
    log.start(id, "$LATEST");
    log.output(std::string(id) + "\n");
    log.end(id);
  }
  const std::string id = second_id;
  CHECK(seen == "START RequestId: " + id + " Version: $LATEST\n" + id + "\nEND RequestId: " + id + "\n");
}

TEST_CASE("Followers get the structured event too") {
  Logs logs;
  std::optional<std::chrono::nanoseconds> duration;
  const auto subscription = logs.store.subscribe("hello", {}, [&](const LogEvent& event, std::string_view) {
    if (const auto* report = std::get_if<Report>(&event.body)) duration = report->duration;
  });
  auto log = logs.store.open("hello", LogFormat::text);
  log.report({.request_id = first_id, .duration = std::chrono::milliseconds(7)});
  CHECK(duration == std::chrono::milliseconds(7));
}

TEST_CASE("An event has the wall clock's time of when it happened") {
  Logs logs;
  std::vector<std::chrono::system_clock::time_point> times;
  const auto subscription =
      logs.store.subscribe("hello", {}, [&](const LogEvent& event, std::string_view) { times.push_back(event.time); });
  auto log = logs.store.open("hello", LogFormat::text);
  const auto before = std::chrono::system_clock::now();
  const LogTime now = LogTime::clock::now();
  log.start(first_id, "$LATEST", now);
  log.output("x\n", OutputOrigin::standard_output, now + std::chrono::milliseconds(250));
  log.end(first_id, now + std::chrono::seconds(3));
  const auto after = std::chrono::system_clock::now();
  REQUIRE(times.size() == 3);
  CHECK(times[0] > before - std::chrono::milliseconds(1));
  CHECK(times[0] < after);
  CHECK(times[1] - times[0] == std::chrono::milliseconds(250));
  const auto end_error = times[2] - times[0] - std::chrono::seconds(3);
  CHECK(end_error > std::chrono::milliseconds(-100));
  CHECK(end_error < std::chrono::milliseconds(100));
}

TEST_CASE("A callback may end its own subscription, another's, subscribe anew, and delete the function") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  LogSubscription first, second, third;
  int first_calls = 0, second_calls = 0, third_calls = 0;
  first = logs.store.subscribe("hello", {}, [&](const LogEvent&, std::string_view) {
    ++first_calls;
    first.end();
    second.end();
    third = logs.store.subscribe("hello", {}, [&](const LogEvent&, std::string_view) {
      ++third_calls;
      logs.store.forget("hello");
    });
  });
  second = logs.store.subscribe("hello", {}, [&](const LogEvent&, std::string_view) { ++second_calls; });
  log.output("x\n");
  log.output("y\n");
  log.output("z\n");
  CHECK(first_calls == 1);
  CHECK(second_calls == 0);
  CHECK(third_calls == 1);
}

TEST_CASE("A deleted function's log is gone, though its instances still record and see their own tails") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  bool called = false;
  const auto subscription =
      logs.store.subscribe("hello", {}, [&](const LogEvent&, std::string_view) { called = true; });
  logs.store.forget("hello");
  log.start(first_id, "$LATEST");
  log.output("late\n");
  CHECK_FALSE(called);
  CHECK(logs.read("hello").empty());
  CHECK(log.tail(first_id).find("late\n") != std::string::npos);
  auto anew = logs.store.open("hello", LogFormat::text);
  anew.output("new\n");
  CHECK(logs.read("hello") == "new\n");
}

TEST_CASE("Handles and subscriptions may outlive the store") {
  InstanceLog log;
  LogSubscription subscription;
  {
    LogFolder folder;
    Logs logs({.directory = folder.path()});
    log = logs.store.open("hello", LogFormat::text);
    subscription = logs.store.subscribe("hello", {}, [](const LogEvent&, std::string_view) {});
    log.start(first_id, "$LATEST");
  }
  log.output(std::string(1'000'000, 'x') + "\n");
  log.end(first_id);
  CHECK_FALSE(log.tail(first_id).empty());
  subscription.end();
}
