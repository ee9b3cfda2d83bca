// SPDX-License-Identifier: Apache-2.0
// Threads for what would stall the data plane (SQLite, unpacking, hashing, fork). Jobs run in order of submission; results
// come back to the data-plane thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// Long-lived threads: one that forks stays alive as long as the pool, so PDEATHSIG of its children means the server's end.
class WorkerPool {
 public:
  /// `name` shows in thread listings (at most 15 bytes).
  WorkerPool(EventLoop& loop, unsigned threads, const std::string& name);
  /// Finishes the jobs in the queue, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Any thread. `job` must not throw.
  void submit(std::function<void()> job);

  /// Data-plane thread. Runs `function` on a worker and continues here with its result, or with its exception.
  template <class F, class R = std::invoke_result_t<F>>
  Task<R> run(F function) {
    struct Outcome {
      std::optional<std::conditional_t<std::is_void_v<R>, bool, R>> value;
      std::exception_ptr exception;
    };
    Completion<Outcome> done;
    submit([this, &done, &function] {
      Outcome outcome;
      try {
        if constexpr (std::is_void_v<R>) {
          function();
        } else {
          outcome.value.emplace(function());
        }
      } catch (...) {
        outcome.exception = std::current_exception();
      }
      // std::function wants a copyable callable, and results need not be.
      auto shared = std::make_shared<Outcome>(std::move(outcome));
      loop_.post([&done, shared] { done.set(std::move(*shared)); });
    });
    Outcome outcome = co_await done;
    if (outcome.exception) std::rethrow_exception(outcome.exception);
    if constexpr (!std::is_void_v<R>) co_return std::move(*outcome.value);
  }

 private:
  void work(const std::string& name);

  EventLoop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool ending_ = false;                     // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace kiln
