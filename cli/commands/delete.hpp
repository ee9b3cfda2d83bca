// SPDX-License-Identifier: Apache-2.0
// kiln delete: functions go, with their triggers and instances.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

struct DeleteOptions {
  std::vector<std::string> functions;
  bool if_exists = false;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_delete(CLI::App& app, DeleteOptions& options, CommonOptions& common);

/// Deletes one after another and stops at the first that cannot be. Throws CommandFailure.
ExitCode run_delete(const DeleteOptions& options, Session& session);

}  // namespace kiln::cli
