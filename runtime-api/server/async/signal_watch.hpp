// SPDX-License-Identifier: Apache-2.0
// Signals as events of the loop. Data-plane thread only.
#pragma once

#include <signal.h>

#include <functional>
#include <initializer_list>

#include "runtime-api/server/async/pollable.hpp"

namespace kiln {

/// The signals are blocked in the calling thread, and in those it starts, until this is destroyed; every other thread of
/// the process must block them itself. One that arrives before the loop runs is told then.
class SignalWatch final : private Pollable {
 public:
  /// `on_signal(number)` is called for each signal that arrives; the same one twice in a row may be told once. Throws
  /// std::system_error.
  SignalWatch(EventLoop& loop, std::initializer_list<int> signals, std::function<void(int number)> on_signal);
  ~SignalWatch() override;
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void on_events(std::uint32_t events) override;

  std::function<void(int)> on_signal_;
  sigset_t before_;
  int fd_ = -1;
};

}  // namespace kiln
