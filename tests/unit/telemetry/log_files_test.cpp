// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_files.hpp"

#include <sys/stat.h>

#include <fstream>
#include <future>
#include <sstream>

#include "tests/unit/telemetry/log_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string number_lines(int from, int to) {
  std::string lines;
  for (int i = from; i < to; ++i) lines += "line " + std::to_string(i) + "\n";
  return lines;
}

}  // namespace

TEST_CASE("A log is readable after a restart, and goes on behind what was there") {
  LogFolder folder;
  const std::string id = first_id;
  {
    Logs logs({.directory = folder.path()});
    auto log = logs.store.open("hello", LogFormat::text);
    log.start(id, "$LATEST");
    log.output(std::string_view("one\ntwo \x1b[1m\0\n", 14));
    log.message(id, "several\nlines");
    log.end(id);
    log.report(
        {.request_id = id, .duration = std::chrono::milliseconds(2), .memory_size_mb = 128, .max_memory_used_mb = 9});
    log.output("unfinished");
  }
  Logs logs({.directory = folder.path()});
  CHECK(logs.read("hello").empty());
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("after the restart\n");
  const std::string invocation =
      "START RequestId: " + id + " Version: $LATEST\none\ntwo \\x1b[1m\\x00\nseveral\n  lines\nEND RequestId: " + id +
      "\nREPORT RequestId: " + id +
      "\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\t\n";
  CHECK(logs.stored("hello") == invocation + "unfinished\nafter the restart\n");
  CHECK(logs.stored("hello", {.request_id = id, .times = false}) == invocation);
  CHECK(logs.stored("hello", {.stream = log.stream(), .times = false}) == "after the restart\n");
  CHECK(logs.stored("hello", {.tail_lines = 2, .times = false}) == "unfinished\nafter the restart\n");
  CHECK(logs.stored("hello", {.outside_invocations = false, .times = false}) == invocation);
  CHECK(logs.stored("never heard of").empty());
}

TEST_CASE("What is read from disk looks like what is read from memory") {
  LogFolder folder;
  Logs logs({.directory = folder.path()});
  auto text = logs.store.open("hello", LogFormat::text);
  auto json = logs.store.open("hello", LogFormat::json);
  for (InstanceLog* log : {&text, &json}) {
    log->init_start("python:3.11", "arn");
    log->start(first_id, "$LATEST");
    log->output("a\tb\rc\r\n\nd\n");
    log->fault(first_id, "Error: x\nRuntime.ExitError");
    log->end(first_id);
    log->report({.request_id = first_id, .status = "error", .error_type = "Runtime.ExitError"});
  }
  for (const LogQuery& query :
       {LogQuery{}, LogQuery{.times = false}, LogQuery{.request_id = first_id}, LogQuery{.tail_lines = 3}}) {
    const auto stored = logs.stored("hello", query);
    CHECK(stored == logs.read("hello", query));
    CHECK_FALSE(stored.empty());
  }
}

TEST_CASE("Events reach the disk by themselves, in the background, in a file for their owner only") {
  LogFolder folder;
  Logs logs({.directory = folder.path(), .write_interval = std::chrono::milliseconds(1)});
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("hello\n");
  const auto path = folder.path() / "hello.log";
  logs.run_until([&] { return file_text(path).find("\thello\n") != std::string::npos; });
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  log.output("again\n");
  logs.run_until([&] { return file_text(path).find("\tagain\n") != std::string::npos; });
  CHECK(logs.reports.empty());
}

TEST_CASE("Files are rotated at their size, and the oldest goes") {
  LogFolder folder;
  Logs logs({.directory = folder.path(), .memory_per_function = 16 * 1024, .file_size = 100'000});
  auto log = logs.store.open("chatty", LogFormat::text);
  for (int i = 0; i < 100; ++i) {
    log.output(number_lines(i * 100, i * 100 + 100));
    logs.store.flush();
  }
  const std::string stored = logs.stored("chatty");
  CHECK(std::filesystem::file_size(folder.path() / "chatty.log") <= 100'000);
  CHECK(std::filesystem::file_size(folder.path() / "chatty.log.1") <= 100'000);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "chatty.log.2"));
  const int oldest = std::stoi(stored.substr(5));
  CHECK(oldest > 0);
  CHECK(oldest < 9'500);
  CHECK(stored == number_lines(oldest, 10'000));
}

TEST_CASE("Nothing is lost to the disk where memory is too small for what comes between two writes") {
  LogFolder folder;
  Logs logs({.directory = folder.path(), .memory_per_function = 8 * 1024});
  auto log = logs.store.open("chatty", LogFormat::text);
  log.output(number_lines(0, 50'000));
  CHECK(logs.stored("chatty") == number_lines(0, 50'000));
  CHECK(logs.dropped == 0);
}

TEST_CASE("A half-written line of a killed server spoils no other") {
  LogFolder folder;
  std::ofstream(folder.path() / "hello.log")
      << "2025-11-22T12:00:00.123Z\tstream\ttext\t-\tfunction\twhole\n2025-11-22T12:00";
  Logs logs({.directory = folder.path()});
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("next\n");
  CHECK(logs.stored("hello") == "whole\nnext\n");
}

TEST_CASE("A deleted function leaves no files, and a new one of the same name begins afresh") {
  LogFolder folder;
  Logs logs({.directory = folder.path(), .file_size = 2000});
  auto log = logs.store.open("hello", LogFormat::text);
  for (int i = 0; i < 10; ++i) {
    log.output(number_lines(0, 20));
    logs.store.flush();
  }
  log.output("unwritten\n");
  logs.store.forget("hello");
  log.output("late\n");
  CHECK(logs.stored("hello").empty());
  CHECK(std::filesystem::is_empty(folder.path()));
  auto anew = logs.store.open("hello", LogFormat::text);
  anew.output("new\n");
  CHECK(logs.stored("hello") == "new\n");
}

TEST_CASE("A function deleted after a restart loses the files of the earlier run") {
  LogFolder folder;
  {
    Logs logs({.directory = folder.path()});
    logs.store.open("hello", LogFormat::text).output("old\n");
  }
  REQUIRE(std::filesystem::exists(folder.path() / "hello.log"));
  {
    Logs logs({.directory = folder.path()});
    logs.store.forget("hello");
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("A name cannot lead out of the folder") {
  LogFolder folder;
  Logs logs({.directory = folder.path() / "logs"});
  auto log = logs.store.open("../escape", LogFormat::text);
  log.output("x\n");
  CHECK(logs.stored("../escape") == "x\n");
  CHECK_FALSE(std::filesystem::exists(folder.path() / "escape.log"));
  CHECK(std::filesystem::exists(folder.path() / "logs" / "%2e%2e%2fescape.log"));
}

TEST_CASE("What is stored ends where a subscription of the same moment begins") {
  LogFolder folder;
  Logs logs({.directory = folder.path()});
  auto log = logs.store.open("hello", LogFormat::text);
  log.output(number_lines(0, 10));
  std::string followed;
  const auto subscription = logs.store.subscribe("hello", {.times = false},
                                                 [&](const LogEvent&, std::string_view text) { followed += text; });
  // Behind workers that are busy, so that what comes later is in the queue before anything is read.
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  for (int i = 0; i < 2; ++i) logs.workers.submit([opened] { opened.wait(); });
  logs.loop.post([&] {
    log.output(number_lines(10, 20));
    logs.store.flush();
    gate.set_value();
  });
  CHECK(logs.stored("hello") == number_lines(0, 10));
  CHECK(followed == number_lines(10, 20));
  CHECK(logs.stored("hello") == number_lines(0, 20));
}

TEST_CASE("A failing disk costs log lines, which are counted and reported, and nothing else") {
  LogFolder folder;
  Logs logs({.directory = folder.path()});
  // A folder in the file's place: fails for root, too.
  std::filesystem::create_directory(folder.path() / "hello.log");
  auto log = logs.store.open("hello", LogFormat::text);
  log.output("lost\n");
  CHECK_THROWS_AS(logs.stored("hello"), std::system_error);
  log.output("lost too\n");
  logs.store.flush();
  CHECK(logs.dropped > 0);
  CHECK_FALSE(logs.reports.empty());
  CHECK(logs.read("hello") == "lost\nlost too\n");
  std::filesystem::remove(folder.path() / "hello.log");
  log.output("kept\n");
  CHECK(logs.stored("hello").find("kept\n") != std::string::npos);
}

TEST_CASE("What waits for a slow disk is bounded, and what is beyond is counted as dropped") {
  LogFolder folder;
  Logs logs({.directory = folder.path(), .unwritten_limit = 1000});
  // Both workers are busy until the gate opens, as behind a disk that hangs.
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  for (int i = 0; i < 2; ++i) logs.workers.submit([opened] { opened.wait(); });
  auto log = logs.store.open("hello", LogFormat::text);
  for (int i = 0; i < 100; ++i) {
    log.output("0123456789\n");
    logs.store.flush();
  }
  CHECK(logs.dropped > 0);
  gate.set_value();
  const std::string stored = logs.stored("hello");
  CHECK(stored.size() < 1100);
  CHECK(stored.size() >= 11);
}
