// SPDX-License-Identifier: Apache-2.0
// Several invocations at once, in threads: one loaded function, and for each thread a loop with a connection of its own.
#pragma once

#include <string>

#include "bootstrap/exit_codes.hpp"
#include "bootstrap/runtime.hpp"

namespace kiln {

/// Loads the function and runs `count` loops against the Runtime API at `address` until all have ended. One that loses
/// the platform ends the others, once they have answered what they run; its code is then the instance's.
ExitCode run_threads(Runtime& runtime, const FunctionEnvironment& environment, const std::string& address, int count);

}  // namespace kiln
