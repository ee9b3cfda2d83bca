// SPDX-License-Identifier: Apache-2.0
#include "cli/ignore_rules.hpp"

namespace kiln::cli {
namespace {

constexpr std::string_view default_rules = R"(
.git
.hg/
.svn/
.gitignore
.gitattributes
.gitmodules
.kilnignore
.kiln/
__pycache__/
.venv/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.tox/
.idea/
.vscode/
.DS_Store
/build/
/build-*/
/cmake-build-*/
CMakeFiles/
CMakeCache.txt
)";

// One bracket expression at the start of `pattern` (which begins after its '['): whether it takes `c`; cuts it off.
// An expression without its ']' matches nothing.
bool take_bracket(std::string_view& pattern, char c) {
  const bool negated = !pattern.empty() && (pattern.front() == '!' || pattern.front() == '^');
  if (negated) {
    pattern.remove_prefix(1);
  }
  bool matched = false;
  bool first = true;
  while (!pattern.empty() && (first || pattern.front() != ']')) {
    first = false;
    const char low = pattern.front();
    char high = low;
    pattern.remove_prefix(1);
    if (pattern.size() >= 2 && pattern[0] == '-' && pattern[1] != ']') {
      high = pattern[1];
      pattern.remove_prefix(2);
    }
    matched = matched || (low <= c && c <= high);
  }
  if (pattern.empty()) {
    return false;
  }
  pattern.remove_prefix(1);
  return matched != negated && c != '/';
}

bool matches(std::string_view pattern, std::string_view text);

bool matches_deep(std::string_view rest, std::string_view text) {
  for (;;) {
    if (matches(rest, text)) {
      return true;
    }
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
      return false;
    }
    text.remove_prefix(slash + 1);
  }
}

bool matches_star(std::string_view rest, std::string_view text) {
  for (;;) {
    if (matches(rest, text)) {
      return true;
    }
    if (text.empty() || text.front() == '/') {
      return false;
    }
    text.remove_prefix(1);
  }
}

bool matches(std::string_view pattern, std::string_view text) {
  while (!pattern.empty()) {
    if (pattern == "**") {
      return !text.empty();
    }
    if (pattern.starts_with("**/")) {
      return matches_deep(pattern.substr(3), text);
    }
    if (pattern.front() == '*') {
      return matches_star(pattern.substr(1), text);
    }
    if (text.empty()) {
      return false;
    }
    const char wanted = pattern.front();
    pattern.remove_prefix(1);
    if (wanted == '[') {
      if (!take_bracket(pattern, text.front())) {
        return false;
      }
    } else if (wanted == '?') {
      if (text.front() == '/') {
        return false;
      }
    } else if (wanted == '\\' && !pattern.empty()) {
      if (text.front() != pattern.front()) {
        return false;
      }
      pattern.remove_prefix(1);
    } else if (wanted != text.front()) {
      return false;
    }
    text.remove_prefix(1);
  }
  return text.empty();
}

}  // namespace

IgnoreRules IgnoreRules::defaults() {
  IgnoreRules rules;
  rules.add(default_rules);
  return rules;
}

void IgnoreRules::add(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r') &&
           !line.ends_with("\\ ")) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') {
      continue;
    }
    Rule rule;
    if (line.front() == '!') {
      rule.take_in = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      rule.folders_only = true;
      line.remove_suffix(1);
    }
    rule.anchored = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) {
      line.remove_prefix(1);
    }
    if (!line.empty()) {
      rule.pattern = std::string(line);
      rules_.push_back(std::move(rule));
    }
  }
}

bool IgnoreRules::ignored(std::string_view path, bool folder) const {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if ((folder || !rule->folders_only) && matches(rule->pattern, rule->anchored ? path : name)) {
      return !rule->take_in;
    }
  }
  return false;
}

}  // namespace kiln::cli
