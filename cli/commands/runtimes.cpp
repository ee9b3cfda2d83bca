// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/runtimes.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace kiln::cli {

CLI::App* add_runtimes(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("runtimes", "List the runtimes of the server");
  add_common_options(*command, common);
  command->footer("Examples:\n  kiln runtimes\n  kiln deploy DIR --runtime python3.11");
  return command;
}

ExitCode run_runtimes(Session& session) {
  const auto runtimes = session.api.runtimes();
  if (session.options.json) {
    session.print_json({{"Runtimes", runtimes}});
    return ExitCode::success;
  }
  for (const auto& name : runtimes) {
    session.terminal.out << name << '\n';
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
