// SPDX-License-Identifier: Apache-2.0
#include "conformance/case.hpp"

#include <algorithm>

namespace kiln::conformance {

std::string_view level_name(Level level) { return level == Level::must ? "must" : "should"; }

std::string_view verdict_name(Verdict verdict) {
  return verdict == Verdict::pass ? "pass" : verdict == Verdict::fail ? "fail" : "skip";
}

std::size_t count(const Report& report, Verdict verdict) {
  return count(report, verdict, Level::must) + count(report, verdict, Level::should);
}

std::size_t count(const Report& report, Verdict verdict, Level level) {
  const auto counted = [&](const CaseResult& result) {
    return result.verdict == verdict && result.info.level == level;
  };
  return static_cast<std::size_t>(std::count_if(report.results.begin(), report.results.end(), counted));
}

bool decides_against(const CaseResult& result, bool strict) {
  if (strict) return result.verdict != Verdict::pass;
  return result.verdict == Verdict::fail && result.info.level == Level::must;
}

bool conforms(const Report& report, bool strict) {
  return std::none_of(report.results.begin(), report.results.end(),
                      [&](const CaseResult& result) { return decides_against(result, strict); });
}

}  // namespace kiln::conformance
