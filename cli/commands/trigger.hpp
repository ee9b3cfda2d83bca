// SPDX-License-Identifier: Apache-2.0
// kiln trigger: binds functions to HTTP paths, lists and removes such bindings.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

struct TriggerOptions {
  /// May be empty only for a list of all.
  std::string function;
  /// Method and path.
  std::vector<std::string> http;
  std::vector<std::string> remove;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_trigger(CLI::App& app, TriggerOptions& options, CommonOptions& common);

/// Throws CommandFailure.
ExitCode run_trigger(const TriggerOptions& options, Session& session);

}  // namespace kiln::cli
