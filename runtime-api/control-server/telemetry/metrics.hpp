// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms of one server, and their text in Prometheus' exposition format 0.0.4.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/control-server/telemetry/phases.hpp"

namespace kiln {

/// Only ever grows. Data-plane thread only, like the two below.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_ += n; }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

class Gauge {
 public:
  void set(std::int64_t value) { value_ = value; }
  void add(std::int64_t n = 1) { value_ += n; }
  void subtract(std::int64_t n = 1) { value_ -= n; }
  std::int64_t value() const { return value_; }

 private:
  std::int64_t value_ = 0;
};

/// Durations, in the buckets all histograms here share: 100 µs to 60 s, about three a decade.
class Histogram {
 public:
  static constexpr std::array<std::int64_t, 18> bounds_us = {
      100,     250,     500,     1'000,     2'500,     5'000,     10'000,     25'000,     50'000,
      100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};

  void observe(std::chrono::nanoseconds duration);
  /// Observations up to bounds_us[i] and above bounds_us[i - 1]; the last element has those above all bounds.
  const std::array<std::uint64_t, bounds_us.size() + 1>& buckets() const { return buckets_; }
  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, bounds_us.size() + 1> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds sum_{0};
};

/// How an invocation ended, for the label `result`.
enum class InvocationOutcome : std::uint8_t { success, function_error, timeout, crash, init_error, platform_error };
inline constexpr std::size_t invocation_outcomes = 6;

/// For the label `state`; stopped instances are not counted.
enum class InstanceGauge : std::uint8_t { starting, idle, busy, stopping };
inline constexpr std::size_t instance_gauges = 4;

/// The series of one function. Recording is an addition: no look-up, no text.
struct FunctionMetrics {
  std::array<Counter, invocation_outcomes> invocations;  ///< kiln_invocations_total; see invoked()
  Histogram invocation_duration;                         ///< kiln_invocation_duration_seconds
  Counter cold_starts;                                   ///< kiln_cold_starts_total
  std::array<Histogram, 4> cold_start_phases;            ///< kiln_cold_start_phase_seconds; see cold_start()
  std::array<Gauge, instance_gauges> instances;          ///< kiln_instances; see instances_in()
  Gauge in_flight;                                       ///< kiln_invocations_in_flight
  Gauge queued;                                          ///< kiln_queue_length
  Gauge preloaded;                                       ///< kiln_preloaded_forks
  Histogram queue_wait;                                  ///< kiln_queue_wait_seconds
  Counter throttles;                                     ///< kiln_throttles_total: answered 429
  Counter init_failures;                                 ///< kiln_init_failures_total
  Counter crashes;                                       ///< kiln_crashes_total: instances that ended unasked
  Counter timeouts;                                      ///< kiln_timeouts_total
  Counter log_dropped_bytes;                             ///< kiln_log_dropped_bytes_total

  /// An invocation is over: counts it under its outcome (a timeout under timeouts too) and takes its duration.
  void invoked(InvocationOutcome outcome, std::chrono::nanoseconds duration);
  /// An instance was made: counts it and takes its phases.
  void cold_start(const PhaseTimes& phases);
  Gauge& instances_in(InstanceGauge state) { return instances[static_cast<std::size_t>(state)]; }
  const Gauge& instances_in(InstanceGauge state) const { return instances[static_cast<std::size_t>(state)]; }
};

/// What the kernel knows of this process.
struct ProcessSample {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  ///< since the epoch
  std::uint64_t threads = 0;
};

/// Any thread. Reads /proc; members it cannot learn stay 0.
ProcessSample sample_process();

/// One per server. Data-plane thread only.
class Metrics {
 public:
  explicit Metrics(std::string version);

  /// The function's series, made at first use. The handle stays usable after remove(), unseen.
  std::shared_ptr<FunctionMetrics> function(std::string_view name);
  /// The function is deleted: its series leave the exposition.
  void remove(std::string_view name);
  /// The series of all functions, by name.
  const std::map<std::string, std::shared_ptr<FunctionMetrics>, std::less<>>& functions() const { return functions_; }

  Counter bad_requests;  ///< kiln_bad_requests_total: refused before any function was concerned (malformed HTTP, 4xx)
  Counter internal_errors;  ///< kiln_internal_errors_total: failures of the platform itself
  Gauge connections;        ///< kiln_connections: open invoker connections

  /// The whole exposition; its Content-Type is content_type.
  std::string render(const ProcessSample& process) const;
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  std::string version_;
  std::map<std::string, std::shared_ptr<FunctionMetrics>, std::less<>> functions_;
};

}  // namespace kiln
