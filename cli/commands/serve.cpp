// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/serve.hpp"

#include "cli/data_folder.hpp"
#include "cli/defaults.hpp"
#include "cli/installation.hpp"

#include <CLI/CLI.hpp>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Once it serves, it prints on standard output, on a line of its own:
  ready http://HOST:PORT operations http://HOST:PORT
Its log goes to standard error. Ctrl-C (SIGINT) or SIGTERM lets running
invocations end and leaves nothing behind.

Examples:
  kiln serve
  kiln serve --data ./data --listen 127.0.0.1:0      a free port
  KILN_DATA=/srv/kiln kiln serve --listen 127.0.0.1:8000)";

}  // namespace

CLI::App* add_serve(CLI::App& app, ServeOptions& options) {
  auto* command = app.add_subcommand("serve", "Run the control server, in the foreground");
  options.data = default_data_folder();
  options.listen = defaults::listen;
  options.operations_listen = defaults::operations_listen;
  command->add_option("--data", options.data, "Functions and their code are kept there [" + options.data + "]")
      ->type_name("DIR");
  command->add_option("--listen", options.listen, "Invocations, management, triggers [" + options.listen + "]")
      ->type_name("HOST:PORT");
  command
      ->add_option("--operations-listen", options.operations_listen,
                   "Health and metrics [" + options.operations_listen + "]")
      ->type_name("HOST:PORT");
  command->footer(footer);
  return command;
}

int run_serve(const ServeOptions& options) {
  auto complete = options;
  complete.libexec = find_installation().libexec();
  return kiln::serve(complete);
}

}  // namespace kiln::cli
