// SPDX-License-Identifier: Apache-2.0
// How long each of many calls takes, by the round.
#pragma once

#include <cstddef>
#include <vector>

#include "bench/statistics.hpp"

namespace kiln::bench {

/// Microseconds of each of `count` calls, one after another.
template <class Call>
std::vector<double> time_calls(std::size_t count, const Call& call) {
  std::vector<double> samples;
  samples.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    call();
    samples.push_back(microseconds_since(start));
  }
  return samples;
}

/// p50 and p99 of each round, in microseconds.
struct CallRounds {
  std::vector<double> p50;
  std::vector<double> p99;
  void add(const std::vector<double>& samples) {
    p50.push_back(quantile(samples, 0.5));
    p99.push_back(quantile(samples, 0.99));
  }
};

}  // namespace kiln::bench
