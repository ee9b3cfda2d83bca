// SPDX-License-Identifier: Apache-2.0
// How many instances of a function are to be ready now: always so many, more by a schedule. Data-plane thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "runtime-api/control-server/catalog/ready_schedule.hpp"
#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

class ReadyTarget {
 public:
  using Clock = std::function<ReadySchedule::Time()>;

  /// `on_change` is called when the schedule wants another number than before.
  ReadyTarget(EventLoop& loop, std::function<void()> on_change, Clock clock = std::chrono::system_clock::now);

  /// From now on. Does not call `on_change`.
  void set(int always, ReadySchedule schedule);
  std::size_t instances() const;
  /// No change is told any more.
  void stop() { timer_.cancel(); }

 private:
  void watch();

  const std::function<void()> on_change_;
  const Clock clock_;
  int always_ = 0;
  ReadySchedule schedule_;
  std::size_t told_ = 0;
  Timer timer_;
};

}  // namespace kiln
