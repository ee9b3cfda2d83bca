// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/version.hpp"

#include "cli/installation.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace kiln::cli {

CLI::App* add_version(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("version", "Print the version of kiln");
  add_json_option(*command, common);
  command->footer("Examples:\n  kiln version\n  kiln version --json");
  return command;
}

ExitCode run_version(Session& session) {
  if (session.options.json) {
    session.print_json({{"Version", KILN_VERSION}, {"Prefix", find_installation().prefix.string()}});
  } else {
    session.terminal.out << "kiln " << KILN_VERSION << '\n';
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
