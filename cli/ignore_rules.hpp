// SPDX-License-Identifier: Apache-2.0
// Which files of a folder stay out of its code package: rules as in .gitignore.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

/// An ordered list of rules; the last that matches a path decides. Comments (#), blank lines, `!` (take in again), a
/// slash at the end (folders only), a slash elsewhere (anchored to the folder), `*`, `?`, `[…]`, `**` and `\` mean what
/// they mean to git. As there, nothing inside an ignored folder can be taken in again.
class IgnoreRules {
 public:
  /// What no package needs: version control, caches of tools, virtual environments, editor and build folders.
  static IgnoreRules defaults();

  /// Appends the rules of `text`, the content of a .kilnignore.
  void add(std::string_view text);

  /// Whether `path` (relative to the folder, parts joined by '/') stays out; `folder` says whether it is one.
  bool ignored(std::string_view path, bool folder) const;

 private:
  struct Rule {
    std::string pattern;
    bool take_in = false;
    bool folders_only = false;
    bool anchored = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace kiln::cli
