// SPDX-License-Identifier: Apache-2.0
#include "cli/session.hpp"

#include "cli/defaults.hpp"

#include <CLI/CLI.hpp>

namespace kiln::cli {

void add_common_options(CLI::App& command, CommonOptions& options) {
  command
      .add_option("-e,--endpoint", options.endpoint,
                  "Where the server is [KILN_ENDPOINT, else " + defaults::endpoint + "]")
      ->type_name("URL");
  add_json_option(command, options);
}

void add_json_option(CLI::App& command, CommonOptions& options) {
  command.add_flag("--json", options.json, "Print JSON, for scripts (shapes: docs/cli.md)");
}

void Session::print_json(const Json& document) const {
  terminal.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

std::string Session::endpoint_argument() const {
  return options.endpoint.empty() ? std::string() : " --endpoint " + shell_word(options.endpoint);
}

}  // namespace kiln::cli
