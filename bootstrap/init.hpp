// SPDX-License-Identifier: Apache-2.0
// The init phase: load the function and, where the platform takes snapshots, go through one.
#pragma once

#include <optional>

#include "bootstrap/exit_codes.hpp"
#include "bootstrap/runtime.hpp"
#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {

/// Where several processes load the same function, all of them fail where one does, and one report is enough.
class InitErrorGate {
 public:
  virtual ~InitErrorGate() = default;
  /// Returns to the one process that is to report. Never returns to the others: they wait to be ended.
  virtual void enter() = 0;
};

/// Nothing where the function can take events; else the error has been posted (or, where that failed, said on stderr),
/// and this is the process's exit code. `gate` may be null.
std::optional<ExitCode> initialise(RuntimeApiClient& client, Runtime& runtime, const FunctionEnvironment& environment,
                                   bool inherited, InitErrorGate* gate = nullptr);

}  // namespace kiln
