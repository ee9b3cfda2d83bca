// SPDX-License-Identifier: Apache-2.0
// Medians and percentiles of samples, and the clock they are taken with.
#pragma once

#include <chrono>
#include <vector>

namespace kiln::bench {

using Clock = std::chrono::steady_clock;

/// Microseconds from `from` until now.
double microseconds_since(Clock::time_point from);

/// The `share` quantile (0..1) by nearest rank. Precondition: `samples` is not empty.
double quantile(std::vector<double> samples, double share);
double median(std::vector<double> samples);

/// a[i] / b[i]: figures of one round divided by what was measured beside them in the same round.
std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace kiln::bench
