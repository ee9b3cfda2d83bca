// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/export.hpp"

#include "cli/failure.hpp"

#include <CLI/CLI.hpp>

#include <fstream>
#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(TARGET is knative, kubernetes, keda, compose or nomad; docs/deploying.md says
what is written for each, and what it needs there. Containers get the least
rights there are: no root, no capability, a file system that is read-only but
for /tmp, no token of the cluster. IMAGE is one of kiln's with the function in
it (docs/container-images.md), where the target finds it.

Values of --env stand in the manifest for all to read. For what they should
not read, --env-from-secret names where the target keeps it: a Secret, a file
of KEY=VALUE lines for compose, a variable's path for nomad.

Examples:
  kiln export kubernetes hello --image registry.example/hello:1 > hello.yaml
  kiln export knative hello --image registry.example/hello:1 --memory 256 --timeout 10
  kiln export keda orders --image registry.example/orders:1 --pull kiln.kiln.svc:9101
  kiln export compose hello --image hello --publish 8080 --output compose.yaml
  kiln export nomad hello --from hello --image registry.example/hello:1)";

std::optional<Json> configuration_of(const ExportOptions& options, const Session& session) {
  if (options.from.empty()) {
    return std::nullopt;
  }
  auto configuration = session.api.find_function(options.from);
  if (!configuration) {
    throw CommandFailure({.code = ExitCode::not_found,
                          .message = "the server has no function " + options.from,
                          .advice = {"see what there is:  kiln list" + session.endpoint_argument()}});
  }
  return configuration;
}

void write(const std::string& manifest, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << manifest;
  file.close();
  if (!file) {
    throw CommandFailure({.code = ExitCode::local_input, .message = "cannot write the manifest to " + path});
  }
}

void note_values(const std::optional<Json>& configuration, const Session& session) {
  const auto variables = configuration ? configuration->value("Environment", Json::object()) : Json::object();
  if (!variables.value("Variables", Json::object()).empty()) {
    session.terminal.err << session.terminal.err_style(Style::yellow, "note: ")
                         << "the manifest shows the values of the function's environment variables" << std::endl;
  }
}

void add_function_options(CLI::App& command, ExportSettings& settings) {
  command.add_option("--handler", settings.handler, "MODULE.FUNCTION to call [the image's own]")->type_name("HANDLER");
  command.add_option("-m,--memory", settings.memory_mb, "Memory of an instance, 128 to 10240 [128]")->type_name("MB");
  command.add_option("-t,--timeout", settings.timeout_s, "Longest invocation, 1 to 900 [3]")->type_name("SECONDS");
  command.add_option("--concurrency", settings.concurrency, "Invocations at once in one instance, 1 to 1000 [1]")
      ->type_name("N");
  command
      .add_option("--max-instances", settings.max_instances,
                  "Instances at once [64; compose: 1], a container each (compose: all in one)")
      ->type_name("N");
  command.add_option("--min-instances", settings.min_instances, "Instances kept ready [the fewest the target can]")
      ->type_name("N");
  command.add_option("--ephemeral-storage", settings.ephemeral_mb, "Size of /tmp, 1 to 10240 [512]")->type_name("MB");
  command.add_option("--env", settings.environment, "Environment variable; repeat it for several")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--env-from-secret", settings.secret, "Further ones, from where the target keeps secrets")
      ->type_name("NAME");
}

void add_target_options(CLI::App& command, ExportSettings& settings) {
  command.add_option("--namespace", settings.name_space, "Of Kubernetes, or Nomad [where it is applied]")
      ->type_name("NAME");
  command.add_option("--host", settings.host, "Host name that leads to the function (kubernetes, keda, knative)")
      ->type_name("HOST");
  command.add_option("--gateway", settings.gateway, "The Gateway that serves --host (kubernetes, keda)")
      ->type_name("[NAMESPACE/]NAME");
  command.add_option("--scale-on", settings.scale_on, "cpu, or in-flight: calls under way (kubernetes) [cpu]")
      ->type_name("cpu|in-flight")
      ->check(CLI::IsMember({"cpu", "in-flight"}).description(""));
  command
      .add_option("--pull", settings.pull,
                  "Take events from the function's listener of a control server, instead of serving HTTP")
      ->type_name("HOST:PORT");
  command
      .add_option("--scale-url", settings.scale_url,
                  "With --pull: where KEDA finds the demand [port 9081 of that host: /scale/FUNCTION]")
      ->type_name("URL");
  command.add_option("--publish", settings.publish, "Port of this machine (compose) [127.0.0.1:8080]")
      ->type_name("[ADDRESS:]PORT");
}

}  // namespace

CLI::App* add_export(CLI::App& app, ExportOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("export", "Write manifests with which a scheduler runs a function's image");
  command->add_option("target", options.target, "What to write for")->type_name("TARGET")->required();
  command->add_option("name", options.settings.name, "Name of the objects, and of the function unless --from says it")
      ->type_name("NAME")
      ->required();
  command->add_option("-i,--image", options.settings.image, "The container image that holds the function")
      ->type_name("REFERENCE");
  command->add_option("--from", options.from, "Take what is not said here from this function of the server")
      ->type_name("FUNCTION");
  add_function_options(*command, options.settings);
  add_target_options(*command, options.settings);
  command->add_option("-o,--output", options.output_file, "Write to this file [standard output]")->type_name("FILE");
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_export(const ExportOptions& options, Session& session) {
  const auto& target = find_target(options.target);
  const auto configuration = configuration_of(options, session);
  const auto manifest = target.manifest(exported_function(target, options.settings, configuration));
  note_values(configuration, session);
  if (!options.output_file.empty()) {
    write(manifest, options.output_file);
  }
  if (session.options.json) {
    session.print_json({{"Target", options.target}, {"Name", options.settings.name}, {"Manifest", manifest}});
  } else if (options.output_file.empty()) {
    session.terminal.out << manifest << std::flush;
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
