// SPDX-License-Identifier: Apache-2.0
// The data-plane thread's loop: an epoll set, a queue of timers that costs no system call per timer, and the way in for
// other threads (ADR 0010).
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

class Pollable;
class Timer;

/// Everything but `post` and `stop` belongs to the thread that calls `run`.
class EventLoop {
 public:
  /// `report(where, what)` gets exceptions that leave a callback or a spawned task; it must not throw.
  using ErrorReport = std::function<void(std::string_view where, std::string_view what)>;
  explicit EventLoop(ErrorReport report);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until `stop`, and may be called again. An exception from a callback is reported and the loop goes on. What
  /// became ready first is told first, over all descriptors.
  void run();
  /// Any thread. Makes `run` return soon.
  void stop();
  /// Any thread. Runs `callback` on the loop's thread, later; callbacks of one thread run in the order of posting.
  void post(std::function<void()> callback);
  /// Starts `task`; an exception that leaves it is reported under the name `where` (a literal).
  void spawn(Task<void> task, std::string_view where);
  void report(std::string_view where, std::exception_ptr error) const noexcept;

 private:
  friend class Pollable;
  friend class Timer;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A callback at a deadline, or up to a millisecond later. Arming and cancelling make no system call.
class Timer {
 public:
  explicit Timer(EventLoop& loop) : loop_(loop) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Replaces what was armed before. `callback` may destroy the timer. A deadline of never cancels.
  void arm(Deadline deadline, std::function<void()> callback);
  void cancel();
  bool armed() const { return index_ != npos; }

 private:
  friend class EventLoop;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  EventLoop& loop_;
  Deadline deadline_;
  std::function<void()> callback_;
  std::size_t index_ = npos;  // place in the loop's heap
};

/// `co_await sleep_until(loop, deadline)`: continues on the loop once the deadline has passed.
class SleepUntil {
 public:
  SleepUntil(EventLoop& loop, Deadline deadline) : timer_(loop), deadline_(deadline) {}
  bool await_ready() const noexcept { return deadline_.passed(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    timer_.arm(deadline_, [waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  Timer timer_;
  Deadline deadline_;
};

inline SleepUntil sleep_until(EventLoop& loop, Deadline deadline) { return SleepUntil(loop, deadline); }

}  // namespace kiln
