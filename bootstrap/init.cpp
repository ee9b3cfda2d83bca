// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/init.hpp"

#include <cstdio>
#include <string>

#include "bootstrap/loop.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

void say_if_refused(const PostResult& posted, const char* what) {
  if (!posted) return;
  std::fprintf(stderr, "kiln bootstrap: the %s error could not be reported: the Runtime API %s\n", what,
               posted->describe().c_str());
}

/// The platform is told the kind of failure, the invoker the exception's own class.
FunctionError renamed(FunctionError error, std::string_view type) {
  error.type = type;
  return error;
}

/// Goes through a snapshot. Nothing where the function has been restored.
std::optional<ExitCode> pass_snapshot(RuntimeApiClient& client, Runtime& runtime, bool inherited) {
  if (auto error = runtime.before_snapshot()) {
    say_if_refused(client.fail_init(renamed(*std::move(error), error_types::before_snapshot_error)), "init");
    return ExitCode::before_snapshot_failed;
  }
  if (const auto error = client.restore_next()) {
    complain(*error, "the wait to be restored");
    return exit_code_of(*error, false, inherited);
  }
  if (auto error = runtime.after_restore()) {
    say_if_refused(client.fail_restore(renamed(*std::move(error), error_types::after_restore_error)), "restore");
    return ExitCode::after_restore_failed;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ExitCode> initialise(RuntimeApiClient& client, Runtime& runtime, const FunctionEnvironment& environment,
                                   bool inherited, InitErrorGate* gate) {
  if (const auto error = runtime.load(environment)) {
    if (gate != nullptr) gate->enter();
    say_if_refused(client.fail_init(*error), "init");
    return ExitCode::init_failed;
  }
  return environment.snap_start ? pass_snapshot(client, runtime, inherited) : std::nullopt;
}

}  // namespace kiln
