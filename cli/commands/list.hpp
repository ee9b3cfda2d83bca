// SPDX-License-Identifier: Apache-2.0
// kiln list: the functions of the server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

namespace kiln::cli {

/// Adds the command to `app`; `common` must outlive it.
CLI::App* add_list(CLI::App& app, CommonOptions& common);

/// Prints them with their triggers. Throws CommandFailure.
ExitCode run_list(Session& session);

}  // namespace kiln::cli
