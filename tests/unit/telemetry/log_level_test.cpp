// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_level.hpp"

#include <string>

#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/telemetry/log_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("Levels are read in any case, and rise") {
  CHECK(parse_log_level("TRACE") == LogLevel::trace);
  CHECK(parse_log_level("debug") == LogLevel::debug);
  CHECK(parse_log_level("Info") == LogLevel::info);
  CHECK(parse_log_level("WARNING") == LogLevel::warn);
  CHECK(parse_log_level("fatal") == LogLevel::fatal);
  for (const std::string none : {"", "NOTICE", "INF", "INFOS"}) CHECK_FALSE(parse_log_level(none));
  CHECK(LogLevel::warn < LogLevel::error);
}

TEST_CASE("A line says its level in JSON, and is INFO otherwise") {
  CHECK(level_of_line(R"({"timestamp":"t","level":"ERROR","message":"boom"})") == LogLevel::error);
  CHECK(level_of_line(R"( {"message":{"level":"ERROR"},"level":"debug"})") == LogLevel::debug);
  CHECK(level_of_line(R"({"a":[{"level":"ERROR"}],"log_level":"FATAL"})") == LogLevel::fatal);
  for (const std::string plain : {R"({"level":"NOTICE"})", R"({"level":3})", R"({"level":{"level":"ERROR"}})",
                                  R"({"m":"x"})", "hello", "", R"(["level","ERROR"])", "{", R"({"a":)"}) {
    CHECK(level_of_line(plain) == LogLevel::info);
  }
}

TEST_CASE("The platform's events have the levels of the developer guide") {
  CHECK(level_of(InitStart{"python:3.11"}) == LogLevel::info);
  CHECK(level_of(InitStart{}) == LogLevel::debug);
  CHECK(level_of(InitRuntimeDone{}) == LogLevel::debug);
  CHECK(level_of(InitRuntimeDone{"error"}) == LogLevel::warn);
  CHECK(level_of(InitReport{}) == LogLevel::debug);
  CHECK(level_of(InitReport{{}, "timeout"}) == LogLevel::warn);
  CHECK(level_of(InvocationStart{}) == LogLevel::info);
  CHECK(level_of(RuntimeDone{}) == LogLevel::debug);
  CHECK(level_of(RuntimeDone{"id", "error"}) == LogLevel::warn);
  CHECK(level_of(Report{}) == LogLevel::info);
  CHECK(level_of(Report{.status = "timeout"}) == LogLevel::warn);
  CHECK(level_of(ExtensionInit{}) == LogLevel::info);
  CHECK(level_of(ExtensionInit{"n", "s", "", "Extension.Crash"}) == LogLevel::warn);
  CHECK(level_of(Subscribed{}) == LogLevel::info);
  CHECK(level_of(RecordsDropped{}) == LogLevel::warn);
}

TEST_CASE("A log in JSON format leaves out what is too light") {
  Logs logs;
  const auto everything = [](InstanceLog log) {
    log.init_start("python:3.11");
    log.init_runtime_done({});
    log.init_report({});
    log.start(first_id, "$LATEST");
    log.output("{\"level\":\"DEBUG\",\"message\":\"d\"}\nplain\n{\"level\":\"ERROR\",\"message\":\"e\"}\n");
    log.runtime_done({first_id, "error", "Function.Unknown"});
    log.end(first_id);
    log.report({.request_id = first_id});
  };
  const auto has = [&](const std::string& function, const std::string& text) {
    return logs.read(function).find(text) != std::string::npos;
  };

  everything(logs.store.open("usual", LogFormat::json));
  CHECK(has("usual", "platform.initStart"));
  CHECK(has("usual", "platform.start"));
  CHECK(has("usual", "platform.report"));
  CHECK(has("usual", "platform.runtimeDone"));  // it failed
  CHECK_FALSE(has("usual", "platform.initRuntimeDone"));
  CHECK_FALSE(has("usual", "platform.initReport"));
  CHECK(has("usual", "plain"));
  CHECK_FALSE(has("usual", "DEBUG"));

  everything(logs.store.open("chatty", {LogFormat::json, LogLevel::debug, LogLevel::trace}));
  CHECK(has("chatty", "platform.initRuntimeDone"));
  CHECK(has("chatty", "platform.initReport"));
  CHECK(has("chatty", "DEBUG"));

  everything(logs.store.open("terse", {LogFormat::json, LogLevel::warn, LogLevel::error}));
  CHECK_FALSE(has("terse", "platform.start"));
  CHECK_FALSE(has("terse", "platform.report"));
  CHECK_FALSE(has("terse", "plain"));
  CHECK(has("terse", "platform.runtimeDone"));
  CHECK(has("terse", "ERROR"));

  // Levels are nothing to a log in text format.
  everything(logs.store.open("text", {LogFormat::text, LogLevel::warn, LogLevel::fatal}));
  CHECK(has("text", "DEBUG"));
  CHECK(has("text", "START RequestId"));
  CHECK_FALSE(has("text", "runtimeDone"));
}

TEST_CASE("A tail begins at START also where START is too light for the log") {
  Logs logs;
  auto log = logs.store.open("terse", {LogFormat::json, LogLevel::warn, LogLevel::info});
  log.start(first_id, "$LATEST");
  log.output("before\n");
  log.end(first_id);
  log.start(second_id, "$LATEST");
  log.output("one line\n");
  log.end(second_id);
  log.report({.request_id = second_id});
  CHECK(log.tail(second_id) == "one line\n");
  CHECK(log.tail(first_id) == "before\n");
}

TEST_CASE("A framed message is one event, with its own level and its own time") {
  Logs logs;
  auto log = logs.store.open("framed", LogFormat::json);
  log.start(first_id, "$LATEST");
  const auto then = std::chrono::system_clock::now() - std::chrono::seconds(5);
  std::vector<std::pair<std::string, std::chrono::system_clock::time_point>> seen;
  const auto subscription = logs.store.subscribe(
      "framed", {}, [&](const LogEvent& event, std::string_view text) { seen.emplace_back(text, event.time); });
  log.frame({LogLevel::warn, then, "one\ntwo\n"});
  log.frame({LogLevel::debug, then, "too light"});
  log.frame({std::nullopt, std::chrono::system_clock::time_point(), "no such time"});
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].first == "one\n  two\n");
  CHECK(std::chrono::abs(seen[0].second - then) < std::chrono::milliseconds(50));
  CHECK(seen[1].first == "no such time\n");
  CHECK(seen[1].second > then + std::chrono::seconds(4));
  CHECK(log.tail(first_id).find("one") != std::string::npos);
}
