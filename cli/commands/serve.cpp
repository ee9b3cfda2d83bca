// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/serve.hpp"

#include "cli/data_folder.hpp"
#include "cli/defaults.hpp"
#include "cli/failure.hpp"
#include "cli/installation.hpp"
#include "cli/preimports.hpp"

#include <CLI/CLI.hpp>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Once it serves, it prints on standard output, on a line of its own:
  ready http://HOST:PORT operations http://HOST:PORT
Its log goes to standard error. Ctrl-C (SIGINT) or SIGTERM lets running
invocations end and leaves no process behind; functions are kept in DIR.

Examples:
  kiln serve
  kiln serve --data ./data --listen 127.0.0.1:0      a free port
  KILN_DATA=/srv/kiln kiln serve --listen 127.0.0.1:8000)";

}  // namespace

CLI::App* add_serve(CLI::App& app, ServeOptions& options) {
  auto* command = app.add_subcommand("serve", "Run the control server, in the foreground");
  const auto data = default_data_folder();
  options.data = data;
  options.listen = defaults::listen;
  options.operations_listen = defaults::operations_listen;
  command->add_option("--data", options.data, "Functions and their code are kept there [KILN_DATA, else " + data + "]")
      ->type_name("DIR");
  command
      ->add_option("--listen", options.listen,
                   "Calls, management, triggers; port 0 takes a free one [" + options.listen + "]")
      ->type_name("HOST:PORT");
  command
      ->add_option("--operations-listen", options.operations_listen,
                   "Health and metrics [" + options.operations_listen + "]")
      ->type_name("HOST:PORT");
  command
      ->add_option_function<std::string>(
          "--opt", [&options](const std::string& folder) { options.opt = folder; },
          "DIR/extensions holds the extensions of every instance [" + options.opt.string() + "]")
      ->type_name("DIR");
  command
      ->add_option_function<double>(
          "--init-timeout",
          [&options](double seconds) {
            options.init_timeout = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
          },
          "How long an instance may take until it asks for its first event [10]")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber.description(""));
  command
      ->add_option("--availability-zone-id", options.availability_zone_id,
                   "Told to instances that ask for it [" + options.availability_zone_id + "]")
      ->type_name("ID");
  command
      ->add_option("--isolation", options.isolation,
                   "Of instances: auto (the strongest this machine allows), process (none), sandbox, oci "
                   "(containers of --oci-images), or command (what --launch-command gives them) [" +
                       options.isolation + "]")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"auto", "process", "sandbox", "oci", "command"}).description(""));
  command
      ->add_option_function<std::string>(
          "--oci-images", [&options](const std::string& folder) { options.oci_images = folder; },
          "The images of containers: a folder in the OCI image layout, or containers-storage: for those that podman "
          "has; docs/launchers.md")
      ->type_name("DIR|containers-storage:");
  command->add_option("--oci-runtime", options.oci_runtime, "What makes containers of them [runc, else crun]")
      ->type_name("PROGRAM");
  command
      ->add_option_function<double>(
          "--freeze-after",
          [&options](double seconds) {
            options.freeze_after = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
          },
          "Stop instances in sandboxes where they are once they have idled so long, until their next event [never]")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber.description(""));
  command
      ->add_option_function<double>(
          "--snapshot-idle",
          [&options](double seconds) {
            options.snapshot_idle = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
          },
          "How long the snapshot of a preloaded function is kept that has no instance [600]")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber.description(""));
  command
      ->add_option("--ready-sandboxes", options.ready_sandboxes,
                   "How many wait for any function, and how many more have Python ready [" +
                       std::to_string(options.ready_sandboxes) + "]")
      ->type_name("COUNT")
      ->check(CLI::Range(0, 1000).description(""));
  command
      ->add_flag_function(
          "--no-zygote", [&options](std::int64_t) { options.zygote = false; },
          "Start a Python for each instance in a sandbox, instead of forking one that has started")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command
      ->add_option_function<std::vector<std::string>>(
          "--preimport",
          [&options](const std::vector<std::string>& values) {
            for (const std::string& value : values) add_preimport(value, options.preimports);
          },
          "Modules of the distribution that such a Python loads ahead of time, beside some of its standard library: "
          "those that take your functions long to load. With SET=, for the functions that name that set (kiln deploy "
          "--preimport SET); repeat it for several")
      ->type_name("[SET=]MODULE,...")
      ->allow_extra_args(false)
      ->check([](const std::string& value) {
        Preimports tried;
        return add_preimport(value, tried);
      });
  command
      ->add_option_function<std::string>(
          "--launch-command", [&options](const std::string& path) { options.launch_command = path; },
          "An executable of yours that starts and stops instances, in containers, say; docs/launchers.md")
      ->type_name("PATH");
  command
      ->add_option("--launch-listen", options.launch_listen,
                   "The address of this machine at which these find the server; whoever reaches it may take their "
                   "events [" +
                       options.launch_listen + "]")
      ->type_name("IPV4");
  command->add_option("--log-level", options.log_level, "trace, debug, info, warn or error [" + options.log_level + "]")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}).description(""));
  command
      ->add_option_function<int>(
          "--drain-timeout", [&options](int seconds) { options.drain_timeout = std::chrono::seconds(seconds); },
          "How long running calls may take after a stop was asked for [" +
              std::to_string(options.drain_timeout.count()) + "]")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber.description(""));
  command->footer(footer);
  return command;
}

ExitCode run_serve(const ServeOptions& options) {
  auto complete = options;
  complete.libexec = find_installation().libexec();
  complete.version = KILN_VERSION;
  try {
    return kiln::serve(complete) == 0 ? ExitCode::success : ExitCode::serve_failed;
  } catch (const std::exception& cause) {
    throw CommandFailure(
        {.code = ExitCode::serve_failed,
         .message = std::string("cannot serve: ") + cause.what(),
         .advice = {"another port:  --listen HOST:PORT  --operations-listen HOST:PORT   (0 takes a free one)",
                    "other data:    --data DIR"}});
  }
}

}  // namespace kiln::cli
