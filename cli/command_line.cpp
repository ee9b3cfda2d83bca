// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include "cli/commands/doctor.hpp"
#include "cli/commands/list.hpp"
#include "cli/commands/runtimes.hpp"
#include "cli/commands/version.hpp"
#include "cli/exit_codes.hpp"
#include "cli/failure.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>

namespace kiln::cli {
namespace {

std::string main_footer() {
  std::string text = R"(First steps:
  kiln serve                                        in one terminal
  kiln deploy examples/hello-python --name hello    in another
  kiln invoke hello --payload '{"name": "Ada"}' --tail
  kiln trigger hello --http GET /hello && curl http://127.0.0.1:9080/hello

Every command has its own --help, with examples.

Exit status:
)";
  for (const auto& row : exit_code_table) {
    const auto code = std::to_string(static_cast<int>(row.code));
    text += std::string(4 - code.size(), ' ') + code + "  " + std::string(row.meaning) + "\n";
  }
  text.pop_back();
  return text;
}

// "kiln deploy --help" for a fault in the options of deploy, "kiln --help" for one before any command.
std::string help_of(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? "kiln --help" : "kiln " + chosen.front()->get_name() + " --help";
}

}  // namespace

CommandLine::CommandLine() : app_(std::make_unique<CLI::App>("kiln: a function runtime", "kiln")) {
  auto& app = *app_;
  app.get_formatter()->column_width(36);
  app.require_subcommand(1);
  app.set_version_flag("--version", "kiln " KILN_VERSION);
  app.footer(main_footer());
  add_serve(app, serve);
  add_deploy(app, deploy, common);
  add_invoke(app, invoke, common);
  add_list(app, common);
  add_logs(app, logs, common);
  add_delete(app, remove, common);
  add_trigger(app, trigger, common);
  add_runtimes(app, common);
  add_build(app, build, common);
  add_export(app, exports, common);
  add_conformance(app, conformance, common);
  add_doctor(app, doctor, common);
  add_version(app, common);
}

CommandLine::~CommandLine() = default;

std::optional<std::string> CommandLine::parse(std::vector<std::string> arguments, const Terminal& terminal) {
  if (arguments.empty()) {
    throw CommandFailure({.code = ExitCode::usage, .message = "which command?\n\n" + app_->help()});
  }
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  // CLI11 takes a vector from its end.
  std::reverse(arguments.begin(), arguments.end());
  try {
    app_->parse(std::move(arguments));
  } catch (const CLI::Success& asked) {
    app_->exit(asked, terminal.out, terminal.err);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    // Nothing has been stored yet, but who asked for JSON should get it.
    common.json = json;
    throw CommandFailure(
        {.code = ExitCode::usage, .message = error.what(), .advice = {"how it is used:  " + help_of(*app_)}});
  }
  return app_->get_subcommands().front()->get_name();
}

}  // namespace kiln::cli
