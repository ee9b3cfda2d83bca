// SPDX-License-Identifier: Apache-2.0
// kiln serve: the control server in the foreground.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"
#include "runtime-api/control-server/serve.hpp"

namespace kiln::cli {

/// Adds the command to `app`; `options` must outlive it and is filled with this machine's defaults.
CLI::App* add_serve(CLI::App& app, ServeOptions& options);

/// Serves until it is told to stop (SIGINT, SIGTERM); returns what the server returns.
int run_serve(const ServeOptions& options);

}  // namespace kiln::cli
