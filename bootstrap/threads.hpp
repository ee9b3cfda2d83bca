// SPDX-License-Identifier: Apache-2.0
// Several invocations at once, in threads: one loaded function, and for each thread a loop with a connection of its own.
#pragma once

#include <vector>

#include "bootstrap/exit_codes.hpp"
#include "bootstrap/runtime.hpp"
#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {

/// Loads the function and runs a loop for each of `clients` until all have ended. One that loses the platform ends the
/// others, once they have answered what they run; its code is then the instance's. `inherited`: their sockets are.
ExitCode run_threads(Runtime& runtime, const FunctionEnvironment& environment, std::vector<RuntimeApiClient> clients,
                     bool inherited);

}  // namespace kiln
