// SPDX-License-Identifier: Apache-2.0
// The logs of all functions: in memory for tails and followers, on disk for what is older than that or than this
// process.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/telemetry/instance_log.hpp"
#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "runtime-api/control-server/telemetry/log_ring.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

class FunctionLog;

struct LogOptions {
  std::filesystem::path directory = {};              ///< made if missing; empty: nothing is kept on disk
  std::size_t memory_per_function = 1024 * 1024;     ///< bytes of events held for each function
  std::uint64_t budget_per_invocation = 10'000'000;  ///< bytes of output; also of an init phase
  std::uint64_t file_size = 10 * 1024 * 1024;        ///< a function's file is rotated beyond this …
  int files = 2;                                     ///< … and this many are kept of each, the newest included
  std::size_t unwritten_limit = 64 * 1024 * 1024;    ///< bytes waiting for the disk, all functions; beyond: dropped
  std::chrono::milliseconds write_interval{200};     ///< events reach the disk or `sink` after this long at the latest
  /// Where there is no directory: gets all events, to be made text of on a thread of its own. Called on the data-plane
  /// thread, the last time by the store's destructor; must not throw. May be empty.
  std::function<void(std::vector<LogSlice> slices)> sink = {};
  /// Told of output that was dropped, on the data-plane thread. May be empty; must not throw.
  std::function<void(std::string_view function, std::uint64_t bytes)> on_dropped = {};
};

/// What a function's LoggingConfig says of its log.
struct LogSettings {
  LogSettings(LogFormat log_format = LogFormat::text,  // NOLINT(google-explicit-constructor): a format is a setting
              LogLevel system = LogLevel::info, LogLevel application = LogLevel::info)
      : format(log_format), system_level(system), application_level(application) {}
  LogFormat format;
  LogLevel system_level;       ///< in JSON format, of the platform's lines; lighter ones are left out
  LogLevel application_level;  ///< in JSON format, of the function's
};

struct LogQuery {
  std::string request_id = {};      ///< empty: all
  std::string stream = {};          ///< empty: all
  std::size_t tail_lines = 0;       ///< the last so many events; 0: all there are
  bool outside_invocations = true;  ///< also what belongs to no invocation: init, background output
  bool times = true;                ///< a time before each event of a stream in text format
};

/// Ends its subscription when it goes. May outlive the store and the function. Data-plane thread only.
class LogSubscription {
 public:
  LogSubscription() = default;
  ~LogSubscription() { end(); }
  LogSubscription(LogSubscription&&) noexcept = default;
  LogSubscription& operator=(LogSubscription&& other) noexcept;
  LogSubscription(const LogSubscription&) = delete;
  LogSubscription& operator=(const LogSubscription&) = delete;
  /// No call of the callback begins after this.
  void end();

 private:
  friend class FunctionLog;
  friend class LogStore;
  struct State;
  std::shared_ptr<State> state_;
};

/// Data-plane thread only; nothing here waits for the disk.
class LogStore {
 public:
  /// Called for each new event; `text` is what read() would show of it. Both live for the call only. It may end
  /// subscriptions, its own too.
  using Callback = std::function<void(const LogEvent& event, std::string_view text)>;

  /// Refers to `loop` and `workers`, which must outlive it. Throws std::filesystem::filesystem_error where the directory
  /// cannot be made.
  LogStore(EventLoop& loop, WorkerPool& workers, LogOptions options);
  /// Hands what is unwritten to the workers, which write it before they end.
  ~LogStore();
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  /// A new log stream of `function`. The handle may outlive the store. `version` goes into the stream's name.
  InstanceLog open(std::string_view function, LogSettings settings, std::string_view version = "$LATEST");

  /// What memory holds, oldest first, as text: a time and the line; further lines of one event are indented, so that no
  /// output looks like an event of its own. Empty for a function never heard of.
  std::string read(std::string_view function, const LogQuery& query) const;
  /// The same from disk, earlier runs of the server included: all events recorded before the call and none after it, so
  /// that a subscription made at the same time goes on exactly where this ends. From memory where nothing is kept on disk.
  /// Throws std::system_error where the files cannot be read.
  Task<std::string> read_stored(std::string function, LogQuery query);

  /// Calls `callback` for each event of `function` recorded from now on that `query` (its tail_lines aside) matches. The
  /// function need not have logged yet; a name nobody deployed takes memory until forget().
  [[nodiscard]] LogSubscription subscribe(std::string_view function, LogQuery query, Callback callback);

  /// The function is deleted: drops what memory and disk hold of it and ends its subscriptions. Handles of its instances
  /// stay valid; only their own tails still see what they record.
  void forget(std::string_view function);

  /// Hands what is unwritten to the workers now.
  void flush();

  /// Bytes of output dropped so far, all functions, whether for an invocation's budget or for a slow or failing disk.
  std::uint64_t dropped_bytes() const;

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace kiln
