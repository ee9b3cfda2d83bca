// SPDX-License-Identifier: Apache-2.0
// The standalone server's life.
#pragma once

#include "runtime-api/standalone/settings.hpp"

namespace kiln::standalone {

/// How the container ends; scripts and schedulers read it.
enum ExitCode : int {
  ended = 0,         ///< asked to, and everything under way was answered or had its time
  init_failed = 1,   ///< the function could not be initialised; the reason is stderr's last line
  bad_settings = 2,  ///< a variable says what cannot be, or the port is taken
  // Those of the official images' entrypoint and of every shell.
  not_executable = 126,  ///< the bootstrap, or the wrapper that was to execute it
  not_found = 127,       ///< likewise
  no_handler = 142,      ///< neither an argument nor _HANDLER names it, and the runtime needs one
};

/// The program that instances of this function run.
struct Bootstrap {
  std::filesystem::path executable;    ///< empty where there is none
  ExitCode missing = ExitCode::ended;  ///< then: how the container ends
  bool own = false;                    ///< one of kiln's, which takes an inherited socket
};
/// LAMBDA_RUNTIME_DIR's, else the code's own, else a layer's: the first that can be executed, in the real service's order.
/// Where there is none, stderr says what to do.
Bootstrap find_bootstrap(const Settings& settings, const std::filesystem::path& opt = "/opt");

/// Initialises one instance, then listens, until SIGTERM or SIGINT. Blocks.
int serve(const Settings& settings);

}  // namespace kiln::standalone
