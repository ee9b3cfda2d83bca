// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/conformance.hpp"

#include "cli/deploy_plan.hpp"
#include "cli/failure.hpp"
#include "cli/installation.hpp"
#include "cli/kiln_platform.hpp"
#include "conformance/finding.hpp"
#include "conformance/report/report.hpp"
#include "conformance/runtime/kit.hpp"
#include "conformance/server/kit.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Two kits, about sixty cases each:
  kiln conformance runtime -- ./bootstrap     plays the platform
  kiln conformance server 127.0.0.1:9001      plays a runtime
A case that must pass and fails makes the exit status 1. One that should pass is
shown; --strict lets everything decide that is no pass.

Exit status: 0 conforms, 1 does not, 2 could not be tried (wrong command line, no
such program, nobody there).

docs/conformance.md says how to put it into CI.)";

constexpr const char* runtime_footer =
    R"(The runtime is started anew for each case, with the environment that AWS Lambda
gives, and meets a Runtime API that answers well or badly, as the case asks. Its
handler is the test handler: it does what its event says.
  {"conformance": "echo", "value": X}     returns X
  {"conformance": "error", "message": M}  fails with the message M
  {"conformance": "offers"}               returns what else it offers, for instance
      ["context", "big", "sleep", "exit", "stream", "stream-error",
       "init-failure", "concurrency"]
  anything else                           comes back as it is
{handler} in the command stands for the handler's name, for runtimes that want it
there. Cases that need what is not offered are skipped. examples/conformance-python and
examples/conformance-cpp are such handlers; docs/conformance.md has them in other
languages.

Examples:
  kiln conformance runtime --task-root . -- ./bootstrap
  kiln conformance runtime --task-root app --handler app.main -- \
      python3 -m awslambdaric {handler}
  kiln conformance runtime --filter stream --filter 'event.*' -- ./bootstrap
  kiln conformance runtime --junit conformance.xml --json -- ./bootstrap
  kiln conformance runtime --explain next.chunked)";

void add_kit_options(CLI::App& kit, ConformanceOptions& options, CommonOptions& common) {
  kit.add_option("--filter", options.filter, "Only these: a group (stream), a case, or a pattern with *; repeatable")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  kit.add_option("--skip", options.skip, "Not these; repeatable")->type_name("PATTERN")->allow_extra_args(false);
  kit.add_flag("--strict", options.strict, "Whatever does not pass decides, not only what must pass");
  kit.add_option("--junit", options.junit_file, "Write JUnit's XML there as well")->type_name("FILE");
  kit.add_option("--patience", options.patience_s, "How long a condition may take to come true [10]")
      ->type_name("SECONDS")
      ->check(CLI::PositiveNumber.description(""));
  kit.add_flag("--list", options.list, "Name the cases, and run none");
  kit.add_option("--explain", options.explain, "Explain the case, and run none")->type_name("CASE");
  add_json_option(kit, common);
}

void add_runtime_kit(CLI::App& command, ConformanceOptions& options, CommonOptions& common) {
  auto* kit = command.add_subcommand("runtime", "Play the platform against a custom runtime");
  add_kit_options(*kit, options, common);
  kit->add_option("--handler", options.handler, "_HANDLER, the test handler's name [" + options.handler + "]")
      ->type_name("NAME");
  kit->add_option("--stream-handler", options.stream_handler, "_HANDLER where a response is to be streamed [the same]")
      ->type_name("NAME");
  kit->add_option("--task-root", options.task_root, "LAMBDA_TASK_ROOT, the folder of the test handler [.]")
      ->type_name("DIR");
  kit->add_option("--env", options.environment, "A variable for the runtime; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  kit->add_option("--offers", options.offers, "What it offers beside what the handler says; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  kit->add_option("command", options.command, "The runtime's bootstrap with its arguments, behind --")
      ->type_name("BOOTSTRAP ARGS");
  kit->footer(runtime_footer);
  kit->callback([&options] { options.kit = "runtime"; });
}

constexpr const char* server_footer = R"(Three ways to name the server:
  HOST:PORT            its Runtime API, as it runs; --invoke URL calls its function
  COMMAND … {bootstrap} …   starts it, anew for each case; {bootstrap} stands for
                       the words that start the kit's stand-in for a runtime
  --platform kiln      a running kiln (--endpoint): each case deploys a function
Where the server starts its own runtimes, let it start
  kiln conformance bootstrap HOST:PORT
and say --stand-in HOST:PORT here. With a stand-in the kit also tries how instances
start, end and time out; without one those cases are skipped.

Examples:
  kiln conformance server --platform kiln
  kiln conformance server 127.0.0.1:9001 --invoke http://127.0.0.1:8080/call
  kiln conformance server     --invoke http://127.0.0.1:8080/2015-03-31/functions/function/invocations     -- aws-lambda-rie --runtime-api-address 127.0.0.1:9001     --runtime-interface-emulator-address 127.0.0.1:8080 {bootstrap}
  kiln conformance server --list)";

void add_server_kit(CLI::App& command, ConformanceOptions& options, CommonOptions& common) {
  auto* kit = command.add_subcommand("server", "Play runtimes and invokers against a Runtime API server");
  add_kit_options(*kit, options, common);
  kit->add_option("--invoke", options.invoke_url, "POST there invokes the function")->type_name("URL");
  kit->add_option("--invoke-stream", options.stream_url, "The same for a streamed answer (event stream)")
      ->type_name("URL");
  kit->add_option("--platform", options.platform, "kiln: deploy the functions to a running kiln")
      ->type_name("NAME")
      ->check(CLI::IsMember({"kiln"}).description(""));
  kit->add_option("--endpoint", common.endpoint, "That kiln's address [KILN_ENDPOINT, else http://127.0.0.1:9080]")
      ->type_name("URL");
  kit->add_option("--stand-in", options.stand_in_listen, "Where stand-ins report [a free port]")
      ->type_name("HOST:PORT");
  kit->add_option("server", options.command, "HOST:PORT, or the command behind --")->type_name("SERVER");
  kit->footer(server_footer);
  kit->callback([&options] { options.kit = "server"; });
}

void add_stand_in(CLI::App& command, ConformanceOptions& options) {
  auto* stand_in = command.add_subcommand("bootstrap", "Stand in for a runtime, where a server under test starts one");
  stand_in->add_option("kit", options.kit_address, "Where the kit listens for stand-ins")
      ->type_name("HOST:PORT")
      ->required();
  stand_in->footer(
      "A platform starts this as a function's bootstrap. It tells the kit where its Runtime API\n"
      "is (AWS_LAMBDA_RUNTIME_API), and ends as the kit says.");
  stand_in->callback([&options] { options.kit = "bootstrap"; });
}

conformance::Marks marks_of(const Terminal& terminal) {
  if (!terminal.colour_out) return {};
  return {"\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[0m"};
}

[[noreturn]] void fail_usage(const std::string& message, const std::string& advice) {
  throw CommandFailure({.code = ExitCode::usage, .message = message, .advice = {advice}});
}

std::vector<conformance::CaseInfo> list_of_kit(const ConformanceOptions& options) {
  return options.kit == "runtime" ? conformance::runtime_case_list() : conformance::server_case_list();
}

void explain_case(const std::vector<conformance::CaseInfo>& cases, const ConformanceOptions& options,
                  const CommonOptions& common, const Terminal& terminal) {
  std::vector<conformance::CaseInfo> chosen;
  const conformance::Selection selection{{options.explain}, {}};
  std::copy_if(cases.begin(), cases.end(), std::back_inserter(chosen),
               [&](const auto& info) { return selection.takes(info.name); });
  if (chosen.empty()) {
    fail_usage("no case is called " + options.explain,
               "see what there is:  kiln conformance " + options.kit + " --list");
  }
  if (common.json) {
    terminal.out << conformance::json_list_of(chosen);
    return;
  }
  for (const auto& info : chosen) terminal.out << conformance::explain(info);
}

std::chrono::milliseconds patience_of(const ConformanceOptions& options) {
  return std::chrono::milliseconds(static_cast<long>(options.patience_s * 1000));
}

conformance::Report run_runtime_kit(const ConformanceOptions& options, const conformance::Selection& selection,
                                    const conformance::Progress& progress) {
  if (options.command.empty()) {
    fail_usage("which runtime?", "its bootstrap comes behind --:  kiln conformance runtime -- ./bootstrap");
  }
  conformance::RuntimeSubject subject;
  subject.command = options.command;
  subject.handler = options.handler;
  subject.stream_handler = options.stream_handler;
  subject.task_root = std::filesystem::absolute(options.task_root.empty() ? "." : options.task_root).lexically_normal();
  const Json variables = environment_object(options.environment);
  for (const auto& [name, value] : variables.items()) subject.environment[name] = value.get<std::string>();
  subject.offers.insert(options.offers.begin(), options.offers.end());
  subject.patience = patience_of(options);
  return conformance::run_runtime_kit(std::move(subject), selection, progress);
}

bool is_address(const std::vector<std::string>& words) {
  return words.size() == 1 && words[0].find(':') != std::string::npos && words[0].find('/') == std::string::npos;
}

conformance::Report run_server_kit(const ConformanceOptions& options, const CommonOptions& common,
                                   const conformance::Selection& selection, const conformance::Progress& progress) {
  const bool running = is_address(options.command);
  const bool outside = options.command.empty() && !options.invoke_url.empty() && !options.stand_in_listen.empty();
  if (options.platform.empty() && options.command.empty() && !outside) {
    fail_usage(
        "which server?",
        "HOST:PORT of its Runtime API, a command that starts it, or --platform kiln:  kiln conformance server --help");
  }
  if (!running && options.platform.empty() && options.invoke_url.empty()) {
    fail_usage("how is the function invoked?", "say it:  --invoke URL");
  }
  conformance::StandInListener stand_ins(options.stand_in_listen.empty() ? "127.0.0.1:0" : options.stand_in_listen);
  const std::vector<std::string> stand_in{find_installation().program(), "conformance", "bootstrap",
                                          stand_ins.address()};
  const conformance::FunctionUnderTest function{.invoke_url = options.invoke_url,
                                                .stream_url = options.stream_url,
                                                .runtime_api = running ? options.command[0] : ""};
  ApiClient api(options.platform.empty() ? Endpoint{} : choose_endpoint(common.endpoint));
  std::unique_ptr<conformance::Platform> platform;
  if (!options.platform.empty()) {
    platform = std::make_unique<KilnPlatform>(api, stand_in);
  } else if (running || outside) {
    platform = std::make_unique<conformance::RunningPlatform>(function);
  } else {
    platform =
        std::make_unique<conformance::CommandPlatform>(options.command, stand_in, function, patience_of(options));
  }
  return conformance::run_server_kit(*platform, platform->has_stand_ins() ? &stand_ins : nullptr, patience_of(options),
                                     selection, progress);
}

conformance::Report run_kit(const ConformanceOptions& options, const CommonOptions& common,
                            const conformance::Progress& progress) {
  const conformance::Selection selection{options.filter, options.skip};
  if (options.kit == "runtime") return run_runtime_kit(options, selection, progress);
  return run_server_kit(options, common, selection, progress);
}

void write_junit(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw CommandFailure({.code = ExitCode::local_input, .message = "cannot write " + file});
}

ExitCode report_on(const ConformanceOptions& options, const CommonOptions& common, Terminal& terminal) {
  const auto cases = list_of_kit(options);
  if (!options.explain.empty()) {
    explain_case(cases, options, common, terminal);
    return ExitCode::success;
  }
  if (options.list) {
    terminal.out << (common.json ? conformance::json_list_of(cases) : conformance::list_of(cases));
    return ExitCode::success;
  }
  const auto marks = marks_of(terminal);
  const auto show = [&](const conformance::CaseResult& result) {
    // With --json, standard output is the document's.
    (common.json ? terminal.err : terminal.out) << conformance::text_of(result, marks) << std::flush;
  };
  conformance::Report report;
  try {
    report = run_kit(options, common, show);
  } catch (const conformance::CannotRun& cause) {
    throw CommandFailure({.code = ExitCode::usage, .message = cause.what(), .advice = {}});
  }
  if (report.results.empty()) {
    fail_usage("no case is selected", "see what there is:  kiln conformance " + options.kit + " --list");
  }
  if (!options.junit_file.empty()) write_junit(options.junit_file, conformance::junit_of(report, options.strict));
  if (common.json) terminal.out << conformance::json_of(report, KILN_VERSION, options.strict);
  (common.json ? terminal.err : terminal.out) << conformance::summary_of(report, options.strict);
  return conformance::conforms(report, options.strict) ? ExitCode::success : ExitCode::function_error;
}

/// What the platform starts as a bootstrap: its exit status is the kit's to choose.
int run_bootstrap(const ConformanceOptions& options) {
  try {
    return conformance::run_stand_in(options.kit_address);
  } catch (const conformance::CannotRun& cause) {
    throw CommandFailure({.code = ExitCode::usage, .message = cause.what(), .advice = {}});
  }
}

}  // namespace

CLI::App* add_conformance(CLI::App& app, ConformanceOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("conformance", "See which parts of the Runtime API a runtime or a server keeps");
  command->require_subcommand(1);
  add_runtime_kit(*command, options, common);
  add_server_kit(*command, options, common);
  add_stand_in(*command, options);
  command->footer(footer);
  return command;
}

int run_conformance(const ConformanceOptions& options, const CommonOptions& common, Terminal& terminal) {
  if (options.kit == "bootstrap") return run_bootstrap(options);
  return static_cast<int>(report_on(options, common, terminal));
}

}  // namespace kiln::cli
