// SPDX-License-Identifier: Apache-2.0
// The whole command line of `kiln`: every command with its options, parsed into plain values.
#pragma once

#include "cli/commands/build.hpp"
#include "cli/commands/conformance.hpp"
#include "cli/commands/delete.hpp"
#include "cli/commands/deploy.hpp"
#include "cli/commands/doctor.hpp"
#include "cli/commands/export.hpp"
#include "cli/commands/invoke.hpp"
#include "cli/commands/logs.hpp"
#include "cli/commands/serve.hpp"
#include "cli/commands/trigger.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kiln::cli {

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Parses `arguments` (without the program's name) and returns the name of the command to run; nothing where help or
  /// version was asked for, which is printed to `terminal.out` then. May be called once. Throws CommandFailure (usage).
  std::optional<std::string> parse(std::vector<std::string> arguments, const Terminal& terminal);

  CommonOptions common;
  DeployOptions deploy;
  InvokeOptions invoke;
  LogsOptions logs;
  DeleteOptions remove;
  TriggerOptions trigger;
  ServeOptions serve;
  ConformanceOptions conformance;
  DoctorOptions doctor;
  BuildOptions build;
  ExportOptions exports;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace kiln::cli
