// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/trigger.hpp"

#include "cli/failure.hpp"
#include "cli/table.hpp"
#include "cli/triggers.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Without --http and --remove, triggers are listed: those of NAME, or all.
METHOD is GET, POST, ..., or ANY. The function gets the request as an API
Gateway event (payload format 2.0).

Examples:
  kiln trigger hello --http GET /hello/serverless
  kiln trigger hello
  kiln trigger hello --remove GET /hello/serverless)";

void require_function(const TriggerOptions& options, const std::string& option) {
  if (options.function.empty()) {
    throw CommandFailure({.code = ExitCode::usage,
                          .message = option + " needs the name of a function",
                          .advice = {"kiln trigger NAME " + option + " GET /path"}});
  }
}

ExitCode bind(const TriggerOptions& options, const Session& session) {
  require_function(options, "--http");
  const auto route = make_route(options.http[0], options.http[1]);
  const auto trigger = session.api.put_trigger(trigger_body(options.function, route));
  if (session.options.json) {
    session.print_json(trigger);
    return ExitCode::success;
  }
  session.terminal.out << trigger_text(trigger) << " now calls function " << options.function << "\ntry it:\n  "
                       << trigger_curl(trigger, session.api.endpoint()) << '\n';
  return ExitCode::success;
}

ExitCode unbind(const TriggerOptions& options, const Session& session) {
  require_function(options, "--remove");
  const auto route = make_route(options.remove[0], options.remove[1]);
  const auto triggers = session.api.triggers(options.function);
  const auto found = std::find_if(triggers.begin(), triggers.end(), [&](const Json& trigger) {
    return text_of(trigger, "Method") == route.method && text_of(trigger, "Path") == route.path;
  });
  if (found == triggers.end()) {
    throw CommandFailure(
        {.code = ExitCode::not_found,
         .message = "function " + options.function + " has no trigger " + route.method + " " + route.path,
         .advice = {"see those it has:  kiln trigger " + options.function + session.endpoint_argument()}});
  }
  session.api.delete_trigger(text_of(*found, "Id"));
  if (session.options.json) {
    session.print_json({{"Removed", *found}});
  } else {
    session.terminal.out << "removed " << trigger_text(*found) << " from function " << options.function << '\n';
  }
  return ExitCode::success;
}

ExitCode list(const TriggerOptions& options, const Session& session) {
  const auto triggers = session.api.triggers(options.function);
  if (session.options.json) {
    session.print_json({{"Triggers", triggers}});
    return ExitCode::success;
  }
  if (triggers.empty()) {
    session.terminal.out << "no triggers\n  bind one:  kiln trigger "
                         << (options.function.empty() ? "NAME" : options.function) << " --http GET /path"
                         << session.endpoint_argument() << '\n';
    return ExitCode::success;
  }
  Table table({"METHOD", "PATH", "FUNCTION", "URL"});
  for (const auto& trigger : triggers) {
    table.add({text_of(trigger, "Method"), text_of(trigger, "Path"), text_of(trigger, "FunctionName"),
               session.api.endpoint().url() + text_of(trigger, "Path")});
  }
  session.terminal.out << table.text(session.terminal);
  return ExitCode::success;
}

}  // namespace

CLI::App* add_trigger(CLI::App& app, TriggerOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("trigger", "Bind a function to an HTTP path; list and remove such bindings");
  command->add_option("function", options.function, "Name of the function")->type_name("NAME");
  auto* http = command->add_option("--http", options.http, "Call the function for this method and path");
  http->type_name("METHOD /PATH")->expected(2)->allow_extra_args(false);
  command->add_option("--remove", options.remove, "Remove the trigger of this method and path")
      ->type_name("METHOD /PATH")
      ->expected(2)
      ->allow_extra_args(false)
      ->excludes(http);
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_trigger(const TriggerOptions& options, Session& session) {
  if (!options.http.empty()) {
    return bind(options, session);
  }
  return options.remove.empty() ? list(options, session) : unbind(options, session);
}

}  // namespace kiln::cli
