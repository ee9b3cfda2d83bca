// SPDX-License-Identifier: Apache-2.0
// Programs that a command runs and waits for (cmake).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

/// Runs `command` (command[0] looked up on PATH) with an empty standard input and hands each line of its output and
/// errors, without the newline, to `on_line` as it comes. Returns its exit status, or 128 + the signal that ended it.
/// Throws CommandFailure (build_failed) where the program cannot be started.
int run_command(const std::vector<std::string>& command, const std::function<void(std::string_view)>& on_line);

/// Whether a program `name` lies on PATH.
bool on_path(const std::string& name);

}  // namespace kiln::cli
