// SPDX-License-Identifier: Apache-2.0
// kiln version: which kiln this is. Calls no server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

namespace kiln::cli {

/// Adds the command to `app`; `common` must outlive it.
CLI::App* add_version(CLI::App& app, CommonOptions& common);

/// Prints version and installation.
ExitCode run_version(Session& session);

}  // namespace kiln::cli
