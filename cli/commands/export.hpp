// SPDX-License-Identifier: Apache-2.0
// kiln export: manifests with which a scheduler runs a function's image. Calls a server only where it is asked to.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/export/export_settings.hpp"
#include "cli/session.hpp"

#include <string>

namespace kiln::cli {

struct ExportOptions {
  std::string target;
  ExportSettings settings;
  /// The server's function whose settings are taken; empty: no server is asked.
  std::string from;
  /// Empty: standard output.
  std::string output_file;
};

/// Adds the command to `app`; both options must outlive it.
CLI::App* add_export(CLI::App& app, ExportOptions& options, CommonOptions& common);

/// Writes the manifest. Throws CommandFailure.
ExitCode run_export(const ExportOptions& options, Session& session);

}  // namespace kiln::cli
