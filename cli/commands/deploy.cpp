// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/deploy.hpp"

#include "cli/build_output.hpp"
#include "cli/cmake_project.hpp"
#include "cli/failure.hpp"
#include "cli/installation.hpp"
#include "cli/triggers.hpp"
#include "runtime-api/protocol/base64.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* footer = R"(What is left out is inferred for a new function and kept for one that exists:
  name      the folder's (or zip's) name
  runtime   python for MODULE.py, cpp for a CMakeLists.txt or MODULE.so,
            provided for an executable `bootstrap`
  handler   index.handler
A folder with a CMakeLists.txt is built first (its kiln_package(...) is what is
deployed). What a .kilnignore in the folder lists (as a .gitignore does), and
what no package needs (.git, __pycache__, build folders), stays out.

Examples:
  kiln deploy examples/hello-python --trigger "GET /hello"
  kiln deploy . --name api --handler app.main --memory 256 --timeout 10
  kiln deploy function.zip --name api --runtime python3.11
  kiln deploy . --env STAGE=test --env DEBUG=1 --concurrency 4)";

// What came to be of one deployment, for the report.
struct Deployment {
  std::string action;
  Json configuration;
  std::vector<Json> triggers;
};

void say(const Session& session, const std::string& line) {
  if (!session.options.json) {
    session.terminal.out << line << std::endl;
  }
}

fs::path build(const DeployOptions& options, const std::string& name, Session& session) {
  const auto source = fs::canonical(options.source);
  CMakeBuild request{
      .source = source,
      .build = options.build_folder.empty() ? default_build_folder(source) : fs::absolute(options.build_folder),
      .kiln_prefix = find_installation().prefix,
      .definitions = options.cmake_definitions,
      .package_name = options.package_name.empty() ? name : options.package_name};
  say(session, "building " + options.source + " with CMake in " + request.build.string());
  const auto start = std::chrono::steady_clock::now();
  BuildOutput output(session);
  try {
    auto package = build_package(request, [&output](std::string_view line) { output(line); });
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    say(session, "built " + package.filename().string() + " in " + human_duration(taken.count()));
    return package;
  } catch (const CommandFailure&) {
    output.print_kept();
    throw;
  }
}

Package make_package(const DeployOptions& options, const std::string& name, Session& session) {
  std::error_code error;
  const auto status = fs::status(options.source, error);
  if (!fs::exists(status)) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = "there is no folder or zip " + options.source,
                          .advice = {"kiln deploy takes the folder that holds the function's code, or a zip of it"}});
  }
  Package package;
  if (!fs::is_directory(status)) {
    package = read_package(options.source);
  } else if (!options.no_build && is_cmake_project(options.source)) {
    package = read_package(build(options, name, session));
  } else {
    package = pack_folder(options.source);
  }
  const auto count = package.entries.size();
  say(session, "packed " + options.source + ": " + std::to_string(count) + (count == 1 ? " file, " : " files, ") +
                   human_bytes(package.bytes.size()) + " zipped");
  return package;
}

Deployment update(const DeployPlan& plan, const Package& package, const Json& existing, Session& session) {
  Deployment deployment{.action = "unchanged", .configuration = existing, .triggers = {}};
  // The configuration first: it is what a server may refuse, and then nothing has changed yet.
  if (!plan.configuration.is_null()) {
    deployment.configuration = session.api.update_configuration(plan.name, plan.configuration);
    deployment.action = "updated";
  }
  if (plan.code) {
    deployment.configuration = session.api.update_code(plan.name, {{"ZipFile", base64_encode(package.bytes)}});
    deployment.action = "updated";
  }
  return deployment;
}

Deployment create_or_update(const FunctionSettings& settings, const Package& package, Session& session) {
  const auto runtimes = [&session] { return session.api.runtimes(); };
  const auto show_notes = [&session](const DeployPlan& plan) {
    for (const auto& note : plan.notes) {
      session.terminal.err << session.terminal.err_style(Style::yellow, "note: ") << note << std::endl;
    }
  };
  auto existing = session.api.find_function(settings.name);
  if (!existing) {
    auto plan = plan_deploy(settings, package, existing, runtimes);
    show_notes(plan);
    plan.create["Code"] = {{"ZipFile", base64_encode(package.bytes)}};
    if (auto created = session.api.create_function(plan.create)) {
      return {.action = "created", .configuration = std::move(*created), .triggers = {}};
    }
    // Someone else has created it in between.
    existing = session.api.find_function(settings.name);
    if (!existing) {
      throw CommandFailure(
          {.code = ExitCode::refused,
           .message = "function " + settings.name + " is created and deleted by someone else meanwhile",
           .advice = {"try again, or choose another --name"}});
    }
  }
  const auto plan = plan_deploy(settings, package, existing, runtimes);
  show_notes(plan);
  return update(plan, package, *existing, session);
}

void report(const Deployment& deployment, const Package& package, const Session& session) {
  if (session.options.json) {
    session.print_json(
        {{"Action", deployment.action},
         {"Function", deployment.configuration},
         {"Package",
          {{"Files", package.entries.size()}, {"Bytes", package.bytes.size()}, {"CodeSha256", package.code_sha256()}}},
         {"Triggers", deployment.triggers}});
    return;
  }
  auto& out = session.terminal.out;
  const auto& function = deployment.configuration;
  const auto name = text_of(function, "FunctionName");
  out << session.terminal.out_style(Style::green, deployment.action) << " function "
      << session.terminal.out_style(Style::bold, name) << " (" << text_of(function, "Runtime") << ", "
      << text_of(function, "Handler") << ", " << number_of(function, "MemorySize") << " MB, timeout "
      << number_of(function, "Timeout") << " s)\n";
  for (const auto& trigger : deployment.triggers) {
    out << "trigger " << trigger_text(trigger) << '\n';
  }
  out << "try it:\n  kiln invoke " << name << " --payload '{}' --tail" << session.endpoint_argument() << '\n';
  for (const auto& trigger : deployment.triggers) {
    out << "  " << trigger_curl(trigger, session.api.endpoint()) << '\n';
  }
  if (deployment.triggers.empty()) {
    out << "  kiln trigger " << name << " --http GET /" << name << session.endpoint_argument() << '\n';
  }
  out.flush();
}

}  // namespace

CLI::App* add_deploy(CLI::App& app, DeployOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("deploy", "Create or update a function from a folder or a zip");
  auto& settings = options.settings;
  command->add_option("source", options.source, "Folder or zip with the function's code")->type_name("DIR|ZIP");
  command->add_option("-n,--name", settings.name, "Name of the function")->type_name("NAME");
  command->add_option("-r,--runtime", settings.runtime, "python3.11, cpp, provided, ... (see kiln runtimes)")
      ->type_name("RUNTIME");
  command->add_option("--handler", settings.handler, "MODULE.FUNCTION to call [index.handler]")->type_name("HANDLER");
  command->add_option("--description", settings.description, "What it is for")->type_name("TEXT");
  command->add_option("-m,--memory", settings.memory_mb, "Memory of an instance, 128 to 10240 [128]")->type_name("MB");
  command->add_option("-t,--timeout", settings.timeout_s, "Longest invocation, 1 to 900 [3]")->type_name("SECONDS");
  command->add_option("--concurrency", settings.concurrency, "Invocations at once in one instance, 1 to 1000 [1]")
      ->type_name("N");
  command->add_option("--max-instances", settings.max_instances, "Instances at once, 1 to 10000 [64]")->type_name("N");
  command->add_option("--min-instances", settings.min_instances, "Instances kept ready, called or not, 0 to 1000 [0]")
      ->type_name("N");
  command
      ->add_option("--ready-at", settings.ready_schedule,
                   "More of them at some hours, in UTC: \"mon-fri 08:00-18:00=5; sat 10:00-14:00=1\"; \"\" for never")
      ->type_name("WINDOWS");
  command->add_option("--idle", settings.idle_s, "Reclaim an instance idle for so long, 0 to 86400 [60]")
      ->type_name("SECONDS");
  command->add_option("--log-format", settings.log_format, "How its log is written [text]")
      ->transform(CLI::IsMember({"Text", "JSON"}, CLI::ignore_case))
      ->type_name("text|json");
  command->add_option("--log-level", settings.log_level, "In JSON: leave out lighter lines of the function [info]")
      ->transform(CLI::IsMember({"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, CLI::ignore_case))
      ->type_name("LEVEL");
  command->add_option("--system-log-level", settings.system_log_level, "In JSON: ... and of the platform [info]")
      ->transform(CLI::IsMember({"DEBUG", "INFO", "WARN"}, CLI::ignore_case))
      ->type_name("debug|info|warn");
  command
      ->add_option("--isolation", settings.isolation,
                   "Of its instances: auto (what the server has), process (none), sandbox, oci (a container), or "
                   "command (what the "
                   "server's --launch-command gives them) [auto]")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"auto", "process", "sandbox", "oci", "command"}).description(""));
  command
      ->add_option("--image", settings.image,
                   "The container image of its instances, where their isolation has images; \"\" for the server's")
      ->type_name("REFERENCE");
  command->add_flag_function(
      "--preload,!--no-preload", [&settings](std::int64_t times) { settings.preload = times > 0; },
      "Load its module once, and fork its instances from that; Python in the sandbox only [--no-preload]");
  command
      ->add_option("--preimport", settings.preimport,
                   "The set of modules (kiln serve --preimport SET=...) that its Python has loaded already; \"\" for "
                   "the server's own")
      ->type_name("SET");
  command
      ->add_option(
          "--pull", settings.pull,
          "Start no instances: serve the runtimes that connect to this address (docs/pull-mode.md); \"\" for never")
      ->type_name("ADDRESS:PORT");
  command->add_option("--env", settings.environment, "Environment variable; repeat it for several")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--no-env", settings.clear_environment, "Remove all environment variables")->excludes("--env");
  command->add_option("--trigger", options.triggers, "Bind to HTTP, as in \"GET /path\"; may be repeated")
      ->type_name("\"METHOD /PATH\"")
      ->allow_extra_args(false);
  command->add_flag("--no-build", options.no_build, "Zip the folder as it is, even with a CMakeLists.txt");
  command->add_option("--build-dir", options.build_folder, "Build there [DIR/.kiln/build]")->type_name("DIR");
  command->add_option("--package", options.package_name, "Which kiln_package, where there are several")
      ->type_name("NAME");
  command->add_option("--cmake-define", options.cmake_definitions, "Handed to cmake as -DNAME=VALUE; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_deploy(const DeployOptions& options, Session& session) {
  std::vector<HttpRoute> routes;
  routes.reserve(options.triggers.size());
  for (const auto& text : options.triggers) {
    routes.push_back(parse_route(text));
  }
  auto settings = options.settings;
  // Before a build of minutes, not after it.
  environment_object(settings.environment);
  if (settings.name.empty()) {
    settings.name = default_name(options.source);
  }
  const auto package = make_package(options, settings.name, session);
  auto deployment = create_or_update(settings, package, session);
  for (const auto& route : routes) {
    session.api.put_trigger(trigger_body(settings.name, route));
  }
  deployment.triggers = session.api.triggers(settings.name);
  report(deployment, package, session);
  return ExitCode::success;
}

}  // namespace kiln::cli
