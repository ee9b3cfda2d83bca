// SPDX-License-Identifier: Apache-2.0
// kiln serve: the control server in the foreground.
#pragma once

#include "cli/exit_codes.hpp"
#include "runtime-api/control-server/serve.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace kiln::cli {

/// Adds the command to `app`; `options`, which must outlive it, gets this machine's defaults.
CLI::App* add_serve(CLI::App& app, ServeOptions& options);

/// Serves until SIGINT or SIGTERM. Throws CommandFailure (serve_failed) where it cannot start.
ExitCode run_serve(const ServeOptions& options);

}  // namespace kiln::cli
