// SPDX-License-Identifier: Apache-2.0
// kiln runtimes: what functions can be written in, on this server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

namespace kiln::cli {

/// Adds the command to `app`; `common` must outlive it.
CLI::App* add_runtimes(CLI::App& app, CommonOptions& common);

/// Throws CommandFailure.
ExitCode run_runtimes(Session& session);

}  // namespace kiln::cli
