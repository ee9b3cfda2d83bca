// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/conformance.hpp"

#include "cli/deploy_plan.hpp"
#include "cli/failure.hpp"
#include "conformance/finding.hpp"
#include "conformance/report/report.hpp"
#include "conformance/runtime/kit.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
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
Cases that need what is not offered are skipped. examples/conformance-python and
examples/conformance-cpp are such handlers; docs/conformance.md has them in other
languages.

Examples:
  kiln conformance runtime --task-root . -- ./bootstrap
  kiln conformance runtime --task-root app --handler app.main -- \
      python3 -m awslambdaric app.main
  kiln conformance runtime --filter stream --filter 'event.*' -- ./bootstrap
  kiln conformance runtime --junit conformance.xml --json -- ./bootstrap
  kiln conformance runtime --explain next.chunked)";

void add_kit_options(CLI::App& kit, ConformanceOptions& options, CommonOptions& common) {
  kit.add_option("--filter", options.filter, "Only these: a group (stream), a case, or a pattern with *; repeatable")
      ->type_name("PATTERN")
      ->expected(1);
  kit.add_option("--skip", options.skip, "Not these; repeatable")->type_name("PATTERN")->expected(1);
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
  kit->add_option("--task-root", options.task_root, "LAMBDA_TASK_ROOT, the folder of the test handler [.]")
      ->type_name("DIR");
  kit->add_option("--env", options.environment, "A variable for the runtime; repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1);
  kit->add_option("--offers", options.offers, "What it offers beside what the handler says; repeatable")
      ->type_name("NAME")
      ->expected(1);
  kit->add_option("command", options.command, "The runtime's bootstrap with its arguments, behind --")
      ->type_name("BOOTSTRAP ARGS");
  kit->footer(runtime_footer);
  kit->callback([&options] { options.kit = "runtime"; });
}

conformance::Marks marks_of(const Terminal& terminal) {
  if (!terminal.colour_out) return {};
  return {"\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[0m"};
}

[[noreturn]] void fail_usage(const std::string& message, const std::string& advice) {
  throw CommandFailure({.code = ExitCode::usage, .message = message, .advice = {advice}});
}

std::vector<conformance::CaseInfo> list_of_kit(const ConformanceOptions& /*options*/) {
  return conformance::runtime_case_list();
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

conformance::Report run_kit(const ConformanceOptions& options, const conformance::Progress& progress) {
  const conformance::Selection selection{options.filter, options.skip};
  conformance::RuntimeSubject subject;
  subject.command = options.command;
  subject.handler = options.handler;
  subject.task_root = std::filesystem::absolute(options.task_root.empty() ? "." : options.task_root).lexically_normal();
  const Json variables = environment_object(options.environment);
  for (const auto& [name, value] : variables.items()) subject.environment[name] = value.get<std::string>();
  subject.offers.insert(options.offers.begin(), options.offers.end());
  subject.patience = std::chrono::milliseconds(static_cast<long>(options.patience_s * 1000));
  return conformance::run_runtime_kit(std::move(subject), selection, progress);
}

void write_junit(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw CommandFailure({.code = ExitCode::local_input, .message = "cannot write " + file});
}

}  // namespace

CLI::App* add_conformance(CLI::App& app, ConformanceOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("conformance", "See which parts of the Runtime API a runtime or a server keeps");
  command->require_subcommand(1);
  add_runtime_kit(*command, options, common);
  command->footer(footer);
  return command;
}

ExitCode run_conformance(const ConformanceOptions& options, const CommonOptions& common, Terminal& terminal) {
  const auto cases = list_of_kit(options);
  if (!options.explain.empty()) {
    explain_case(cases, options, common, terminal);
    return ExitCode::success;
  }
  if (options.list) {
    terminal.out << (common.json ? conformance::json_list_of(cases) : conformance::list_of(cases));
    return ExitCode::success;
  }
  if (options.command.empty()) {
    fail_usage("which runtime?", "its bootstrap comes behind --:  kiln conformance runtime -- ./bootstrap");
  }
  const auto marks = marks_of(terminal);
  const auto show = [&](const conformance::CaseResult& result) {
    // With --json, standard output is the document's.
    (common.json ? terminal.err : terminal.out) << conformance::text_of(result, marks) << std::flush;
  };
  conformance::Report report;
  try {
    report = run_kit(options, show);
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

}  // namespace kiln::cli
