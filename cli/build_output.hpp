// SPDX-License-Identifier: Apache-2.0
// What the programs say that a command runs (cmake, a container tool).
#pragma once

#include "cli/session.hpp"

#include <deque>
#include <string>
#include <string_view>

namespace kiln::cli {

/// Lines for standard error: shown as they come, or, where standard output is for scripts, only if asked for at the end.
class BuildOutput {
 public:
  /// `session` must outlive it.
  explicit BuildOutput(Session& session) : session_(session) {}
  void operator()(std::string_view line);
  /// The last of those that have not been shown.
  void print_kept();

 private:
  void print(std::string_view line);

  Session& session_;
  std::deque<std::string> kept_;
};

}  // namespace kiln::cli
