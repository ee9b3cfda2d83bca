// SPDX-License-Identifier: Apache-2.0
// The figures as a table for people and as JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/figure.hpp"

namespace kiln::bench {

/// A promise with what was found for it; nothing where it could not be taken (`error` says why).
struct Finding {
  FigureSpec spec;
  std::optional<Outcome> outcome;
  std::string error;

  bool must_kept() const { return outcome && keeps(spec, outcome->value, spec.must); }
  bool aim_reached() const { return outcome && keeps(spec, outcome->value, spec.aim); }
};

void print_heading();
void print_line(const Finding& finding);
/// Replaces the file `path`. Throws std::runtime_error where it cannot.
void write_json(const std::string& path, const std::vector<Finding>& findings);

}  // namespace kiln::bench
