// SPDX-License-Identifier: Apache-2.0
// Things that take a while to make, made ahead of time on a thread of their own. Data-plane thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

/// Whether somebody waits for what is made: then nothing is worth doing that only makes a later start shorter.
enum class Demand : std::uint8_t { later, now };

template <class T>
class ReadyPool {
 public:
  /// Makes one, and is told what for.
  using Make = std::function<T(Demand)>;

  /// Keeps `target` of what `make` makes on `thread`. `make` may throw; whoever waits then gets the exception, and until it
  /// has worked again, nothing is made but for those who wait.
  ReadyPool(EventLoop& loop, WorkerPool& thread, Make make, std::size_t target)
      : shared_(std::make_shared<Shared>(Shared{loop, thread, std::move(make), target})) {
    refill(shared_);
  }
  ReadyPool(const ReadyPool&) = delete;
  ReadyPool& operator=(const ReadyPool&) = delete;
  /// Nothing more is made; what is still being made goes when it is finished.
  ~ReadyPool() { shared_->ended = true; }

  /// One that is ready, or the next that will be: first come, first served.
  Task<T> take() {
    const auto shared = shared_;
    if (!shared->ready.empty()) {
      T one = std::move(shared->ready.front());
      shared->ready.pop_front();
      refill(shared);
      co_return one;
    }
    Completion<Made> made;
    shared->waiting.push_back(&made);
    refill(shared);
    Made one = co_await made;
    if (one.error) std::rethrow_exception(one.error);
    co_return std::move(*one.value);
  }

  std::size_t ready() const { return shared_->ready.size(); }
  /// Ends those that are ready.
  void clear() { shared_->ready.clear(); }
  /// Nothing more is made ahead.
  void stop() { shared_->ended = true; }
  /// Whether nothing is being made.
  bool settled() const { return shared_->making == 0; }

 private:
  struct Made {
    std::unique_ptr<T> value;
    std::exception_ptr error;
  };
  struct Shared {
    EventLoop& loop;
    WorkerPool& thread;
    Make make;
    std::size_t target;
    std::deque<T> ready{};
    std::deque<Completion<Made>*> waiting{};
    std::size_t making = 0;
    bool failing = false;
    bool ended = false;
  };

  static void refill(const std::shared_ptr<Shared>& shared) {
    // A machine that has run out of something is not asked in a loop, and not for more than somebody wants.
    const std::size_t target = shared->ended || shared->failing ? 0 : shared->target;
    while (shared->ready.size() + shared->making < target + shared->waiting.size()) {
      ++shared->making;
      const Demand demand = shared->waiting.empty() ? Demand::later : Demand::now;
      shared->loop.spawn(make_one(shared, demand), "making ahead of time");
    }
  }

  static Task<void> make_one(std::shared_ptr<Shared> shared, Demand demand) {
    Made made;
    // Not a temporary of the co_await (docs/decisions/0004-gcc-12-coroutines.md).
    const std::function<T()> make = [shared, demand] { return shared->make(demand); };
    try {
      T value = co_await shared->thread.run(make);
      made.value = std::make_unique<T>(std::move(value));
    } catch (...) {
      made.error = std::current_exception();
    }
    --shared->making;
    const bool works_again = std::exchange(shared->failing, made.error != nullptr) && !shared->failing;
    Completion<Made>* first = nullptr;
    if (!shared->waiting.empty()) {
      first = shared->waiting.front();
      shared->waiting.pop_front();
    } else if (made.value && !shared->ended) {
      shared->ready.push_back(std::move(*made.value));
    }
    if (works_again) refill(shared);
    if (first != nullptr) {
      first->set(std::move(made));
    } else if (made.error) {
      std::rethrow_exception(made.error);  // nobody waits, so the log is told
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace kiln
