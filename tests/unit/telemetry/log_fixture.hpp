// SPDX-License-Identifier: Apache-2.0
// A log store on a loop of its own, with its files in a folder that goes with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime-api/control-server/telemetry/log_store.hpp"
#include "tests/support/catch.hpp"

namespace kiln::test {

/// A folder that is removed with its contents.
class LogFolder {
 public:
  LogFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kiln-logs-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~LogFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  LogFolder(const LogFolder&) = delete;
  LogFolder& operator=(const LogFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A server's logs; made anew on the same folder, it is the server after a restart.
class Logs {
 public:
  explicit Logs(LogOptions options = {})
      : loop([this](std::string_view, std::string_view what) { reports.emplace_back(what); }),
        workers(loop, 2, "test-workers"),
        store(loop, workers, counted(std::move(options))) {}

  /// What read_stored() gives; runs the loop until it has.
  std::string stored(const std::string& function, const LogQuery& query = {.times = false}) {
    std::string text;
    std::exception_ptr error;
    loop.spawn(fetch(function, query, text, error), "read_stored");
    run();
    if (error) std::rethrow_exception(error);
    return text;
  }

  std::string read(const std::string& function, const LogQuery& query = {.times = false}) const {
    return store.read(function, query);
  }

  /// Runs the loop until `done` says so.
  void run_until(const std::function<bool()>& done) {
    std::function<void()> look = [&] {
      if (done()) {
        loop.stop();
      } else {
        again_.arm(Deadline::after(std::chrono::milliseconds(2)), look);
      }
    };
    look();
    run();
    again_.cancel();
  }

  std::vector<std::string> reports;
  std::uint64_t dropped = 0;
  EventLoop loop;
  WorkerPool workers;
  LogStore store;

 private:
  Task<void> fetch(std::string function, LogQuery query, std::string& text, std::exception_ptr& error) {
    try {
      text = co_await store.read_stored(std::move(function), std::move(query));
    } catch (...) {
      error = std::current_exception();
    }
    loop.stop();
  }

  LogOptions counted(LogOptions options) {
    options.on_dropped = [this](std::string_view, std::uint64_t bytes) { dropped += bytes; };
    return options;
  }

  void run() {
    bool late = false;
    Timer limit(loop);
    limit.arm(Deadline::after(std::chrono::seconds(30)), [&] {
      late = true;
      loop.stop();
    });
    loop.run();
    if (late) throw std::runtime_error("not within 30 seconds");
  }

  Timer again_{loop};
};

inline constexpr const char* first_id = "11111111-1111-4111-8111-111111111111";
inline constexpr const char* second_id = "22222222-2222-4222-8222-222222222222";

}  // namespace kiln::test
