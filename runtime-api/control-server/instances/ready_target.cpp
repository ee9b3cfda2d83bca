// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/ready_target.hpp"

#include <algorithm>
#include <utility>

namespace kiln {

ReadyTarget::ReadyTarget(EventLoop& loop, std::function<void()> on_change, Clock clock)
    : on_change_(std::move(on_change)), clock_(std::move(clock)), timer_(loop) {}

void ReadyTarget::set(int always, ReadySchedule schedule) {
  always_ = always;
  schedule_ = std::move(schedule);
  told_ = instances();
  timer_.cancel();
  watch();
}

std::size_t ReadyTarget::instances() const {
  return static_cast<std::size_t>(std::max(always_, schedule_.instances_at(clock_())));
}

void ReadyTarget::watch() {
  if (schedule_.empty()) return;
  // The wall clock may be set meanwhile, and timers go by another one.
  constexpr std::chrono::milliseconds longest{60'000};
  const auto now = clock_();
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(schedule_.next_change(now) - now);
  timer_.arm(Deadline::after(std::min(longest, until)), [this] {
    watch();
    const std::size_t wanted = instances();
    if (std::exchange(told_, wanted) != wanted) on_change_();
  });
}

}  // namespace kiln
