// SPDX-License-Identifier: Apache-2.0
// What every command gets beside its own options.
#pragma once

#include "cli/api_client.hpp"
#include "cli/terminal.hpp"

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace kiln::cli {

/// Options that every command which calls a server takes.
struct CommonOptions {
  /// Empty: KILN_ENDPOINT, else the default.
  std::string endpoint;
  /// Results and failures as JSON.
  bool json = false;
};

/// Adds --endpoint and --json to `command`; `options` must outlive it.
void add_common_options(CLI::App& command, CommonOptions& options);

/// Adds --json alone, to a command that calls no server.
void add_json_option(CLI::App& command, CommonOptions& options);

/// References must outlive it. One thread.
struct Session {
  ApiClient& api;
  Terminal& terminal;
  const CommonOptions& options;

  /// Prints `document` to standard output, indented for the eye, with a newline.
  void print_json(const Json& document) const;
  /// ` --endpoint URL` where this call was given one, for the lines that are printed to be tried.
  std::string endpoint_argument() const;
};

}  // namespace kiln::cli
