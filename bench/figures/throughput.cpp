// SPDX-License-Identifier: Apache-2.0
// 16 invokers on 16 instances, all busy at once, against the raw relay with 16 clients and 16 runtimes.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t at_once = 16;
constexpr std::chrono::milliseconds round_time{700};

/// Calls per second of `at_once` threads that each do `call(number of the thread)` again and again for `round_time`.
/// Rethrows the first exception of any of them.
template <class Call>
double calls_per_second(Call call) {
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> calls = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < at_once; ++thread) {
      threads.emplace_back([&, thread] {
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

std::vector<Outcome> run(Context& context) {
  RawRelay relay(at_once, at_once);
  std::vector<HttpInvoker> invokers;
  for (std::size_t i = 0; i < at_once; ++i) invokers.emplace_back(context.server().port());
  const auto request = KilnServer::invoke_request("bench-cpp", small_payload());
  const auto through_relay = [&](std::size_t thread) { relay.call(thread); };
  const auto through_kiln = [&](std::size_t thread) {
    const auto answer = invokers[thread].call(request);
    if (answer.status != 200) throw std::runtime_error("status " + std::to_string(answer.status));
  };
  calls_per_second(through_relay);
  calls_per_second(through_kiln);  // makes the instances

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(calls_per_second(through_relay));
    ours.push_back(calls_per_second(through_kiln));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "kiln %.0f calls/s, raw relay %.0f calls/s", median(ours), median(floor));
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement throughput() { return {{{"throughput_16x16", Bound::at_least, 0.45, 0.65}}, run}; }

}  // namespace kiln::bench
