// SPDX-License-Identifier: Apache-2.0
// What the benchmark promises and what it found: figures, their bounds, and the measurements that take them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace kiln::bench {

class Context;

enum class Bound { at_most, at_least };

/// A promise. `must` missed fails the run; `aim` is where we want to be.
struct FigureSpec {
  std::string name;
  Bound bound = Bound::at_most;
  double must = 0;
  double aim = 0;
};

/// What was found for one FigureSpec.
struct Outcome {
  double value = 0;
  std::vector<double> samples;  ///< one a round; `value` is their median unless `detail` says otherwise
  std::string detail;           ///< for people: the absolute figures behind the ratio
};

/// Takes several figures in one go, interleaved with what they are compared to. `run` returns one outcome for each of
/// `specs`, in their order; an exception means that none of them could be taken.
struct Measurement {
  std::vector<FigureSpec> specs;
  std::function<std::vector<Outcome>(Context&)> run;
};

/// Whether `value` keeps the bound `limit` of `spec`.
bool keeps(const FigureSpec& spec, double value, double limit);

}  // namespace kiln::bench
