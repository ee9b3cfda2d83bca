// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kiln::bench {

double microseconds_since(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

double quantile(std::vector<double> samples, double share) {
  const auto last = static_cast<double>(samples.size() - 1);
  const auto rank = std::clamp(std::ceil(share * static_cast<double>(samples.size())) - 1, 0.0, last);
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

double median(std::vector<double> samples) { return quantile(std::move(samples), 0.5); }

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) result.push_back(a[i] / b[i]);
  return result;
}

}  // namespace kiln::bench
