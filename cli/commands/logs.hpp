// SPDX-License-Identifier: Apache-2.0
// kiln logs: what a function and its instances have written.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <optional>
#include <string>

namespace kiln::cli {

struct LogsOptions {
  std::string function;
  std::string request_id;
  std::optional<int> tail;
  bool follow = false;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_logs(CLI::App& app, LogsOptions& options, CommonOptions& common);

/// Prints the log; with `follow` until the server ends it or this process is interrupted. Throws CommandFailure.
ExitCode run_logs(const LogsOptions& options, Session& session);

}  // namespace kiln::cli
