// SPDX-License-Identifier: Apache-2.0
// kiln conformance: which parts of the Runtime API's contract a runtime keeps, or a server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"
#include "cli/terminal.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

struct ConformanceOptions {
  /// "runtime", "server" or "bootstrap", the subcommand chosen.
  std::string kit;

  std::vector<std::string> filter;
  std::vector<std::string> skip;
  std::string explain;
  std::string junit_file;
  double patience_s = 10;
  bool list = false;
  bool strict = false;

  /// Of the runtime under test, or of the server under test.
  std::vector<std::string> command;

  std::string handler = "index.handler";
  std::string stream_handler;
  std::string task_root;
  std::vector<std::string> environment;
  std::vector<std::string> offers;

  std::string invoke_url;
  std::string stream_url;
  /// "kiln", or empty.
  std::string platform;
  /// Where stand-ins report.
  std::string stand_in_listen;
  /// Of `kiln conformance bootstrap`: the kit's address.
  std::string kit_address;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_conformance(CLI::App& app, ConformanceOptions& options, CommonOptions& common);

/// Returns the exit status: of function_error where the subject does not conform; of a stand-in, the one the kit gave it.
/// Throws CommandFailure (usage) where the subject cannot be tried.
int run_conformance(const ConformanceOptions& options, const CommonOptions& common, Terminal& terminal);

}  // namespace kiln::cli
