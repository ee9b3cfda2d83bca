// SPDX-License-Identifier: Apache-2.0
// Runs a piece of data-plane code to its end, for tests: on the thread of the test, or on a thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln::test {

/// Longer than anything a test may wait for; only a test that fails ever waits so long.
inline constexpr std::chrono::seconds patience{20};

/// A loop that runs in the test's own thread, and remembers what was reported.
class LoopRunner {
 public:
  LoopRunner();

  EventLoop& loop() { return loop_; }
  /// Runs the loop until `task` has ended, and throws what left it. Throws std::runtime_error where it does not end in time.
  /// Once for each LoopRunner: a loop that was stopped cannot run again.
  void run(Task<void> task);
  const std::vector<std::string>& reports() const { return reports_; }

 private:
  std::vector<std::string> reports_;
  EventLoop loop_;
};

/// A loop in a thread of its own, as the server has it.
class LoopThread {
 public:
  LoopThread();
  /// Stops the loop and joins. What lives on the loop must be gone by then.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  EventLoop& loop() { return loop_; }
  /// What was reported to the loop so far.
  std::vector<std::string> reports() const;

  /// Runs `function` on the loop's thread and returns its result, or throws what it threw.
  template <class F>
  auto call(F function) {
    using R = std::invoke_result_t<F>;
    std::promise<R> promise;
    auto future = promise.get_future();
    loop_.post([&] {
      try {
        if constexpr (std::is_void_v<R>) {
          function();
          promise.set_value();
        } else {
          promise.set_value(function());
        }
      } catch (...) {
        promise.set_exception(std::current_exception());
      }
    });
    return future.get();
  }

  /// Waits until `condition`, asked on the loop's thread, holds. Returns whether it does, in time.
  bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit = patience);

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> reports_;  // guarded by mutex_
  EventLoop loop_;
  std::thread thread_;
};

}  // namespace kiln::test
