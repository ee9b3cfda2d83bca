// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/list.hpp"

#include "cli/table.hpp"
#include "cli/triggers.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Examples:
  kiln list
  kiln list --json | jq -r '.Functions[].FunctionName')";

std::string triggers_of(const std::string& name, const std::vector<Json>& triggers) {
  std::string text;
  for (const auto& trigger : triggers) {
    if (text_of(trigger, "FunctionName") == name) {
      text += (text.empty() ? "" : ", ") + trigger_text(trigger);
    }
  }
  return text.empty() ? "-" : text;
}

}  // namespace

CLI::App* add_list(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("list", "List the functions of the server");
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_list(Session& session) {
  const auto functions = session.api.functions();
  const auto triggers = session.api.triggers("");
  if (session.options.json) {
    session.print_json({{"Functions", functions}, {"Triggers", triggers}});
    return ExitCode::success;
  }
  if (functions.empty()) {
    session.terminal.out << "no functions yet\n  deploy one:  kiln deploy DIR" << session.endpoint_argument() << '\n';
    return ExitCode::success;
  }
  Table table({"NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "MODIFIED", "TRIGGERS"});
  for (const auto& function : functions) {
    const auto name = text_of(function, "FunctionName");
    table.add({name, text_of(function, "Runtime"), text_of(function, "Handler"),
               std::to_string(number_of(function, "MemorySize")) + " MB",
               std::to_string(number_of(function, "Timeout")) + " s",
               human_bytes(static_cast<unsigned long long>(number_of(function, "CodeSize"))),
               // Seconds are enough here: 2025-11-25T02:26:54
               text_of(function, "LastModified").substr(0, 19), triggers_of(name, triggers)});
  }
  session.terminal.out << table.text(session.terminal);
  return ExitCode::success;
}

}  // namespace kiln::cli
