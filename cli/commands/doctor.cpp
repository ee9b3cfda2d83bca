// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/doctor.hpp"

#include "cli/installation.hpp"
#include "runtime-api/control-server/launchers/command_launcher.hpp"
#include "runtime-api/control-server/launchers/isolation.hpp"
#include "runtime-api/control-server/launchers/oci_launcher.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <optional>
#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(It tries each thing that a sandbox needs, in a process that is thrown away, and
changes nothing. Run it as the user who is to run the server. A launch command
is asked what it is, as the server does when it starts.

Examples:
  kiln doctor
  sudo kiln doctor --json
  kiln doctor --launch-command examples/launchers/podman)";

/// A command of the operator's in the place of a sandbox: there is one, or none is asked for.
std::optional<IsolationFeature> try_launch_command(const std::string& path) {
  if (path.empty()) {
    return std::nullopt;
  }
  IsolationFeature feature{"launch command", true, false, {}};
  const auto command = std::filesystem::absolute(path);
  try {
    const auto description = describe_command(command);
    feature.detail = command.string() + " answers" + (description.name.empty() ? "" : " as " + description.name) +
                     "; its instances see " + (description.host_paths ? "the host's paths" : "/var/task");
  } catch (const std::exception& failure) {
    feature.works = false;
    feature.detail = failure.what();
    feature.way_out = "docs/launchers.md says what it is asked and has to answer";
  }
  return feature;
}

Json report_json(const IsolationReport& report) {
  Json features = Json::array();
  for (const auto& feature : report.features) {
    Json one = {
        {"Name", feature.name}, {"Works", feature.works}, {"Needed", feature.needed}, {"Detail", feature.detail}};
    if (!feature.works) {
      one["WayOut"] = feature.way_out;
    }
    features.push_back(std::move(one));
  }
  return {{"Isolation", report.sandbox() ? "sandbox" : "process"}, {"Features", std::move(features)}};
}

void print_feature(const IsolationFeature& feature, const Terminal& terminal) {
  const auto mark = feature.works ? terminal.out_style(Style::green, "yes")
                                  : terminal.out_style(feature.needed ? Style::red : Style::yellow, "no ");
  terminal.out << "  " << mark << "  " << feature.name << ": " << feature.detail << '\n';
  if (!feature.works) {
    terminal.out << "       " << (feature.needed ? "needed" : "makes it stronger") << "; way out: " << feature.way_out
                 << '\n';
  }
}

/// For containers of images, which is another way to have an isolation.
IsolationFeature try_container_runtime() {
  IsolationFeature feature{"container runtime", true, false, {}};
  const auto runtime = find_container_runtime({});
  feature.works = runtime.has_value();
  feature.detail = runtime ? runtime->string() + ", for --isolation oci" : "neither runc nor crun is in PATH";
  if (!runtime) {
    feature.way_out = "install runc; only --isolation oci needs it (docs/launchers.md)";
  }
  return feature;
}

}  // namespace

CLI::App* add_doctor(CLI::App& app, DoctorOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("doctor", "Say which isolation this machine allows, and how to allow more");
  command->add_option("--launch-command", options.launch_command, "Try this one, too, as for kiln serve")
      ->type_name("PATH");
  add_json_option(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_doctor(const DoctorOptions& options, Session& session) {
  auto report = probe_isolation(find_installation().libexec() / "sandbox-init");
  report.features.push_back(try_container_runtime());
  if (const auto command = try_launch_command(options.launch_command)) {
    report.features.push_back(*command);
  }
  if (session.options.json) {
    session.print_json(report_json(report));
    return ExitCode::success;
  }
  const auto& terminal = session.terminal;
  terminal.out << "the strongest isolation here: "
               << terminal.out_style(Style::bold, report.sandbox() ? "sandbox" : "process")
               << (report.sandbox() ? "" : " (which is none)") << '\n';
  for (const auto& feature : report.features) {
    print_feature(feature, terminal);
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
