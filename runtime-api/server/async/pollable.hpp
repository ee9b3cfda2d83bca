// SPDX-License-Identifier: Apache-2.0
// A descriptor in the loop's epoll set, edge-triggered: entered once, and from then on every change of its state arrives
// without a system call of ours (epoll(7); ADR 0010). Data-plane thread only.
#pragma once

#include <cstdint>

#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

class Pollable {
 public:
  /// Leaves the set. Whoever owns the descriptor closes it afterwards, never before: where another process has a copy of
  /// it, the kernel would go on telling of it.
  virtual ~Pollable() { forget(); }
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;

 protected:
  explicit Pollable(EventLoop& loop) : loop_(loop) {}

  /// Enters `fd` with the EPOLL* bits `events`, or changes the bits of the one that is in. Errors and hang-ups are told
  /// in any case. Throws std::system_error where the kernel refuses (a regular file, too many watches).
  void watch(int fd, std::uint32_t events);
  /// Nothing is told from here on, not even what the loop has received already.
  void forget();
  /// `on_events(0)` on the loop's next turn, whether or not anything is watched; once for any number of calls.
  void call_again();
  EventLoop& loop() const { return loop_; }

 private:
  friend class EventLoop;
  /// The EPOLL* bits that the kernel has told since the last time; 0 for `call_again`. May destroy this object.
  virtual void on_events(std::uint32_t events) = 0;

  EventLoop& loop_;
  int watched_ = -1;
  bool again_ = false;
};

}  // namespace kiln
