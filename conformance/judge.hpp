// SPDX-License-Identifier: Apache-2.0
// Which cases are run, and how one becomes a result.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/case.hpp"

namespace kiln::conformance {

/// Told of each result as it comes.
using Progress = std::function<void(const CaseResult&)>;

/// Patterns are names of groups ("stream") or of cases, in which `*` stands for anything.
struct Selection {
  std::vector<std::string> only;  ///< none: all
  std::vector<std::string> skip;

  bool takes(std::string_view name) const;
};

bool matches(std::string_view pattern, std::string_view name);

/// Runs `body` and says what became of it, with the time it took. `body` throws Finding or NotOffered; CannotRun passes.
CaseResult judge(const CaseInfo& info, const std::function<void()>& body);

}  // namespace kiln::conformance
