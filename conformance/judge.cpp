// SPDX-License-Identifier: Apache-2.0
#include "conformance/judge.hpp"

#include <algorithm>
#include <chrono>

#include "conformance/finding.hpp"

namespace kiln::conformance {

bool matches(std::string_view pattern, std::string_view name) {
  if (name == pattern) return true;
  if (name.size() > pattern.size() && name.starts_with(pattern) && name[pattern.size()] == '.') return true;
  const auto star = pattern.find('*');
  if (star == std::string_view::npos || !name.starts_with(pattern.substr(0, star))) return false;
  const auto rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= name.size(); ++at) {
    const auto left = name.substr(at);
    if (rest.empty() || left == rest || (rest.find('*') != std::string_view::npos && matches(rest, left))) return true;
  }
  return false;
}

bool Selection::takes(std::string_view name) const {
  const auto named = [&](const std::string& pattern) { return matches(pattern, name); };
  return (only.empty() || std::any_of(only.begin(), only.end(), named)) &&
         std::none_of(skip.begin(), skip.end(), named);
}

CaseResult judge(const CaseInfo& info, const std::function<void()>& body) {
  CaseResult result{.info = info};
  const auto begun = std::chrono::steady_clock::now();
  try {
    body();
    result.verdict = Verdict::pass;
  } catch (Finding& finding) {
    result.verdict = Verdict::fail;
    result.expected = std::move(finding.expected);
    result.found = std::move(finding.found);
  } catch (NotOffered& not_offered) {
    result.verdict = Verdict::skip;
    result.reason = "not offered: " + std::move(not_offered.reason);
  }
  result.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  return result;
}

}  // namespace kiln::conformance
