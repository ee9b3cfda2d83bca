// SPDX-License-Identifier: Apache-2.0
// kiln build: a function's container image without a Dockerfile. Calls no server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/image/recipe.hpp"
#include "cli/session.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

struct BuildOptions {
  std::string source;  ///< the function's folder
  std::string name;    ///< of the image
  std::string runtime;
  std::string handler = "index.handler";
  std::string images = "kiln", suite;
  bool slim = false;
  std::vector<std::string> environment;
  std::string tool;
  std::string pip_configuration;  ///< a file; empty: what PIP_CONFIG_FILE names
  bool no_cache = false;
  bool print_dockerfile = false;
  std::vector<std::string> tool_options;
};

/// Adds the command to `app`; both options must outlive it.
CLI::App* add_build(CLI::App& app, BuildOptions& options, CommonOptions& common);

/// Builds the image, or prints the Dockerfile. Throws CommandFailure.
ExitCode run_build(const BuildOptions& options, Session& session);

}  // namespace kiln::cli
