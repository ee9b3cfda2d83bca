// SPDX-License-Identifier: Apache-2.0
// How many calls a second several threads get through.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/statistics.hpp"

namespace kiln::bench {

/// Calls per second of `threads` threads that each do `call(number of the thread)` again and again for 700 ms. Rethrows the
/// first exception of any of them.
template <class Call>
double calls_per_second(std::size_t threads, Call call) {
  constexpr std::chrono::milliseconds round_time{700};
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> calls = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> running;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        try {
          std::size_t mine = 0;
          for (; !stop.load(std::memory_order_relaxed); ++mine) call(thread);
          calls += mine;
        } catch (...) {
          const std::lock_guard lock(failure_mutex);
          if (!failure) failure = std::current_exception();
        }
      });
    }
    std::this_thread::sleep_for(round_time);
    stop = true;
  }
  if (failure) std::rethrow_exception(failure);
  return static_cast<double>(calls) * 1e6 / microseconds_since(start);
}

}  // namespace kiln::bench
