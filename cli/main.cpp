// SPDX-License-Identifier: Apache-2.0
// kiln: reads the command line, runs one command, shows how it ended.
#include "cli/command_line.hpp"
#include "cli/commands/doctor.hpp"
#include "cli/commands/list.hpp"
#include "cli/commands/runtimes.hpp"
#include "cli/commands/version.hpp"
#include "cli/failure.hpp"

#include <exception>
#include <ostream>

namespace {

using namespace kiln::cli;

int run(const std::string& command, const CommandLine& line, Terminal& terminal) {
  if (command == "serve") {
    return static_cast<int>(run_serve(line.serve));
  }
  if (command == "conformance") {
    return run_conformance(line.conformance, line.common, terminal);
  }
  // These call nobody, so a useless KILN_ENDPOINT must not stop them.
  const bool local = command == "version" || command == "doctor" || command == "build" ||
                     (command == "export" && line.exports.from.empty());
  ApiClient api(local ? Endpoint{} : choose_endpoint(line.common.endpoint));
  Session session{api, terminal, line.common};
  const auto code = command == "deploy"     ? run_deploy(line.deploy, session)
                    : command == "invoke"   ? run_invoke(line.invoke, session)
                    : command == "list"     ? run_list(session)
                    : command == "logs"     ? run_logs(line.logs, session)
                    : command == "delete"   ? run_delete(line.remove, session)
                    : command == "trigger"  ? run_trigger(line.trigger, session)
                    : command == "runtimes" ? run_runtimes(session)
                    : command == "build"    ? run_build(line.build, session)
                    : command == "export"   ? run_export(line.exports, session)
                    : command == "doctor"   ? run_doctor(line.doctor, session)
                                            : run_version(session);
  return static_cast<int>(code);
}

int show(const Failure& failure, const CommandLine& line, const Terminal& terminal) {
  terminal.err << (line.common.json ? render_json(failure) : render_text(failure, terminal.colour_err)) << std::flush;
  return static_cast<int>(failure.code);
}

}  // namespace

int main(int argc, char** argv) {
  auto terminal = standard_terminal();
  CommandLine line;
  int status = static_cast<int>(ExitCode::success);
  try {
    if (const auto command = line.parse({argv + 1, argv + argc}, terminal)) {
      status = run(*command, line, terminal);
    }
  } catch (const CommandFailure& caught) {
    status = show(caught.failure(), line, terminal);
  } catch (const std::exception& caught) {
    status = show({.code = ExitCode::internal, .message = caught.what()}, line, terminal);
  }
  terminal.out.flush();
  if (!terminal.out && status == static_cast<int>(ExitCode::success)) {
    status = show({.code = ExitCode::local_input, .message = "cannot write to standard output"}, line, terminal);
  }
  return status;
}
