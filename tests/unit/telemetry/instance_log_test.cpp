// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/instance_log.hpp"

#include <algorithm>
#include <set>

#include "tests/unit/telemetry/log_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string start_line(const std::string& id) { return "START RequestId: " + id + " Version: $LATEST\n"; }
std::string end_line(const std::string& id) { return "END RequestId: " + id + "\n"; }
std::string report_line(const std::string& id) {
  return "REPORT RequestId: " + id +
         "\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\t\n";
}

Report report(const std::string& id) {
  return {.request_id = id, .duration = std::chrono::milliseconds(1), .memory_size_mb = 128, .max_memory_used_mb = 9};
}

void invoke(InstanceLog& log, const std::string& id, const std::string& output) {
  log.start(id, "$LATEST");
  log.output(output);
  log.end(id);
  log.report(report(id));
}

}  // namespace

TEST_CASE("The tail of an invocation is its log from START to REPORT, and nothing of init or of others") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.init_start("python:3.11.kiln0", "arn");
  log.output("importing\n");
  invoke(log, first_id, "one\ntwo\n");
  invoke(log, second_id, "three\n");
  CHECK(log.tail(first_id) == start_line(first_id) + "one\ntwo\n" + end_line(first_id) + report_line(first_id));
  CHECK(log.tail(second_id) == start_line(second_id) + "three\n" + end_line(second_id) + report_line(second_id));
  CHECK(log.tail("33333333-3333-4333-8333-333333333333").empty());
}

TEST_CASE("The tail is the last 4 KB where the log is longer, cut between characters") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  std::string output;
  for (int i = 0; i < 1000; ++i) output += "gr\xC3\xBC\xC3\x9F dich, line " + std::to_string(i) + "\n";
  invoke(log, first_id, output);
  const std::string tail = log.tail(first_id);
  CHECK(tail.size() <= 4096);
  CHECK(tail.size() > 4090);
  CHECK((static_cast<unsigned char>(tail.front()) & 0xC0) != 0x80);
  CHECK(tail.find("line 999\n" + end_line(first_id) + report_line(first_id)) != std::string::npos);
  CHECK(tail.find("START") == std::string::npos);
}

TEST_CASE("A log stream is named by day, version and 32 hexadecimal digits, each its own") {
  Logs logs;
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) names.insert(logs.store.open("hello", LogFormat::text, "7").stream());
  CHECK(names.size() == 20);
  const std::string& name = *names.begin();
  REQUIRE(name.size() == 10 + 1 + 3 + 32);
  CHECK(name.substr(4, 1) == "/");
  CHECK(name.substr(10, 4) == "/[7]");
  CHECK(name.substr(14).find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("Output before the first invocation belongs to none, also where its line is not finished") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("loading mod");
  log.output("el\nhalf");
  invoke(log, first_id, "mine\n");
  CHECK(logs.read("hello") ==
        "loading model\nhalf\n" + start_line(first_id) + "mine\n" + end_line(first_id) + report_line(first_id));
  CHECK(logs.read("hello", {.outside_invocations = false, .times = false}) ==
        start_line(first_id) + "mine\n" + end_line(first_id) + report_line(first_id));
}

TEST_CASE("A partial line waits for its newline, and ends with the invocation") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  log.output("no new");
  CHECK(log.tail(first_id) == start_line(first_id));
  log.output("line");
  log.end(first_id);
  CHECK(log.tail(first_id) == start_line(first_id) + "no newline\n" + end_line(first_id));
}

TEST_CASE("Standard output and error keep their partial lines apart") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  log.output("out ", OutputOrigin::standard_output);
  log.output("err ", OutputOrigin::standard_error);
  log.output("1\n", OutputOrigin::standard_output);
  log.output("2\n", OutputOrigin::standard_error);
  CHECK(log.tail(first_id) == start_line(first_id) + "out 1\nerr 2\n");
}

TEST_CASE("Empty lines stay") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  invoke(log, first_id, "\n\nx\n");
  CHECK(log.tail(first_id) == start_line(first_id) + "\n\nx\n" + end_line(first_id) + report_line(first_id));
}

TEST_CASE("With several invocations in flight a line belongs to none, unless it was framed") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  log.start(second_id, "$LATEST");
  log.output("whose?\n");
  log.message(first_id, "first's\nown");
  log.end(second_id);
  log.output("again first's\n");
  log.end(first_id);
  CHECK(log.tail(first_id) == start_line(first_id) + "first's\nown\nagain first's\n" + end_line(first_id));
  CHECK(log.tail(second_id) == start_line(second_id) + end_line(second_id));
  CHECK(logs.read("hello").find("whose?\n") != std::string::npos);
}

TEST_CASE("Output cannot forge another invocation's lines") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  invoke(log, first_id, end_line(second_id) + report_line(second_id) + "x\r" + end_line(second_id));
  CHECK(logs.read("hello", {.request_id = second_id}).empty());
  CHECK(log.tail(second_id).empty());
  const std::string all = logs.read("hello", {.request_id = first_id, .times = false});
  CHECK(all.find("x\n  END RequestId: ") != std::string::npos);
}

TEST_CASE("An invocation's output beyond its budget is dropped, marked once and counted; the next has its own budget") {
  LogOptions options;
  options.budget_per_invocation = 100;
  Logs logs(options);
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  std::uint64_t written = 0;
  for (int i = 0; i < 50; ++i) {
    log.output("0123456789\n");
    written += 11;
  }
  log.output("abc");
  log.end(first_id);
  const std::string tail = log.tail(first_id);
  const std::string mark =
      "LOGS_DROPPED RequestId: " + std::string(first_id) + " Output beyond 100 bytes is dropped.\n";
  CHECK(tail.find(mark) != std::string::npos);
  CHECK(tail.find(mark, tail.find(mark) + 1) == std::string::npos);
  CHECK(std::count(tail.begin(), tail.end(), '5') == 9);
  CHECK(logs.dropped == written - 99 + 3);
  CHECK(logs.store.dropped_bytes() == logs.dropped);
  invoke(log, second_id, "fresh\n");
  CHECK(log.tail(second_id).find("fresh\n") != std::string::npos);
}

TEST_CASE("Output of an init phase has a budget too") {
  LogOptions options;
  options.budget_per_invocation = 20;
  Logs logs(options);
  auto log = logs.store.open("hello", LogFormat::text);
  for (int i = 0; i < 10; ++i) log.output("0123456789\n");
  CHECK(logs.read("hello") == "0123456789\nLOGS_DROPPED Output beyond 20 bytes is dropped.\n");
}

TEST_CASE("A line without end is cut, between characters, and holds no more memory than one") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  std::string flood = "x";
  while (flood.size() < 300'000) flood += "\xE2\x82\xAC";
  log.output(flood);
  log.output("!\n");
  const auto events = logs.read("hello", {.request_id = first_id, .times = false});
  CHECK(events.find("\xEF\xBF\xBD") == std::string::npos);
  CHECK(std::count(events.begin(), events.end(), '\n') == 3);  // START and the two pieces
  CHECK(events.find("!\n") != std::string::npos);
}

TEST_CASE("A moved handle goes on where it was, and a default-made one records nothing") {
  Logs logs;
  InstanceLog nowhere;
  nowhere.init_start("x");
  invoke(nowhere, first_id, "x\n");
  CHECK(nowhere.stream().empty());
  CHECK(nowhere.tail(first_id).empty());

  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  log.output("be");
  InstanceLog moved = std::move(log);
  moved.output("fore\n");
  nowhere = std::move(moved);
  nowhere.end(first_id);
  CHECK(nowhere.tail(first_id) == start_line(first_id) + "before\n" + end_line(first_id));
}

TEST_CASE("A handle that goes leaves its unfinished line in the log") {
  Logs logs;
  {
    auto log = logs.store.open("hello", LogFormat::text);
    log.start(first_id, "$LATEST");
    log.output("last words");
  }
  CHECK(logs.read("hello") == start_line(first_id) + "last words\n");
}

TEST_CASE("A fault comes after what the instance wrote before it") {
  Logs logs;
  auto log = logs.store.open("hello", LogFormat::text);
  log.start(first_id, "$LATEST");
  log.output("Segmentation");
  log.fault(first_id, "Error: Runtime exited with error: signal: segmentation fault\nRuntime.ExitError");
  CHECK(log.tail(first_id) == start_line(first_id) + "Segmentation\nRequestId: " + first_id +
                                  " Error: Runtime exited with error: signal: segmentation fault\nRuntime.ExitError\n");
}
