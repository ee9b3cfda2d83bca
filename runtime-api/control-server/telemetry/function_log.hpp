// SPDX-License-Identifier: Apache-2.0
// The log of one function: its ring, its followers, and who is to be told of unwritten and of dropped bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/telemetry/log_ring.hpp"
#include "runtime-api/control-server/telemetry/log_store.hpp"

namespace kiln {

struct LogSubscription::State {
  LogQuery query;
  LogStore::Callback callback;
  bool ended = false;
  int calls = 0;  ///< running now: a callback must not be destroyed from inside itself

  void end();
};

/// Data-plane thread only. Shared by the store and the handles of the function's instances.
class FunctionLog {
 public:
  /// `on_unwritten(urgent)` is told once when there is something for the disk, and again, urgently, once it is much;
  /// empty where nothing is kept on disk. `on_dropped` is told of output that was dropped.
  struct Hooks {
    std::function<void(bool urgent)> on_unwritten = {};
    std::function<void(std::uint64_t bytes)> on_dropped = {};
  };

  FunctionLog(std::string name, const LogOptions& options, Hooks hooks);

  const std::string& name() const { return name_; }
  std::uint64_t budget() const { return budget_; }
  const LogRing& ring() const { return ring_; }

  /// Records `body` as of `at`. Returns its position in the ring.
  std::uint64_t record(const std::shared_ptr<const LogStream>& stream, const LogEvent::Body& body, LogTime at);
  void dropped(std::uint64_t bytes);
  /// What the wall clock said at `at`.
  std::chrono::system_clock::time_point wall_time(LogTime at);

  void subscribe(std::shared_ptr<LogSubscription::State> subscription);
  std::vector<LogSlice> take_unwritten();
  /// The function or the store is gone: instances go on recording into memory, for their tails, and nobody is told.
  void disconnect();

 private:
  void notify(const LogEvent& event);

  std::string name_;
  std::uint64_t budget_;
  LogRing ring_;
  Hooks hooks_;
  bool told_of_unwritten_ = false;
  bool told_urgently_ = false;
  std::vector<std::shared_ptr<LogSubscription::State>> subscriptions_;
  int notifying_ = 0;
  LogTime wall_asked_;  // when the wall clock was last asked, and what it said beyond the steady one
  std::chrono::system_clock::duration wall_offset_{0};
};

/// Whether an event of these is among what `query` asks for (its tail_lines aside).
bool matches(const LogQuery& query, std::string_view stream, std::string_view request_id);

}  // namespace kiln
