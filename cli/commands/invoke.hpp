// SPDX-License-Identifier: Apache-2.0
// kiln invoke: calls a function and shows its result.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <string>

namespace kiln::cli {

struct InvokeOptions {
  std::string function;
  /// As written: JSON, "@FILE", or "-" for standard input.
  std::string payload;
  std::string payload_file;
  std::string output_file;
  std::string client_context;
  bool tail = false;
  bool verbose = false;
};

/// Adds the command to `app`; both references must outlive it.
CLI::App* add_invoke(CLI::App& app, InvokeOptions& options, CommonOptions& common);

/// Returns function_error where the function failed. Throws CommandFailure.
ExitCode run_invoke(const InvokeOptions& options, Session& session);

/// A function's error body for people: type, message and stack trace. What is not the usual JSON comes as it is.
std::string function_error_text(const std::string& body);

/// The phases of a Server-Timing header for people, for instance "cold start 152 ms (init 147 ms), invoke 1.20 ms".
std::string timing_text(const std::string& header);

}  // namespace kiln::cli
