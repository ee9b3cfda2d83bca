// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/delete.hpp"

#include "cli/failure.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Examples:
  kiln delete hello
  kiln delete old-one old-two --if-exists)";

}  // namespace

CLI::App* add_delete(CLI::App& app, DeleteOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("delete", "Delete functions, with their triggers and instances");
  command->add_option("function", options.functions, "Names of the functions")->required()->type_name("NAME");
  command->add_flag("--if-exists", options.if_exists, "A function that is not there is no error");
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_delete(const DeleteOptions& options, Session& session) {
  Json deleted = Json::array();
  for (const auto& name : options.functions) {
    try {
      session.api.delete_function(name);
    } catch (const CommandFailure& caught) {
      if (!options.if_exists || caught.failure().code != ExitCode::not_found) {
        throw;
      }
      if (!session.options.json) {
        session.terminal.out << "no function " << name << '\n';
      }
      continue;
    }
    deleted.push_back(name);
    if (!session.options.json) {
      session.terminal.out << "deleted function " << name << '\n';
    }
  }
  if (session.options.json) {
    session.print_json({{"Deleted", deleted}});
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
