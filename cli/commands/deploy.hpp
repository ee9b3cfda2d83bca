// SPDX-License-Identifier: Apache-2.0
// kiln deploy: a folder or zip becomes a function.
#pragma once

#include "cli/deploy_plan.hpp"
#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

struct DeployOptions {
  std::string source = ".";
  FunctionSettings settings;
  /// "METHOD /path" each.
  std::vector<std::string> triggers;
  /// Take the folder's files as they are, although it holds a CMakeLists.txt.
  bool no_build = false;
  std::string build_folder;
  std::string package_name;
  std::vector<std::string> cmake_definitions;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_deploy(CLI::App& app, DeployOptions& options, CommonOptions& common);

/// Builds, packs, creates or updates, binds triggers, and says so. Throws CommandFailure.
ExitCode run_deploy(const DeployOptions& options, Session& session);

}  // namespace kiln::cli
