// SPDX-License-Identifier: Apache-2.0
// The ways in which Python code ends the process. The interpreter is never finalised: that takes milliseconds, and
// extensions crash in it.
#pragma once

#include "runtimes/python/objects.hpp"

namespace kiln::python {

/// Ends the process as the plain interpreter does for an exception that nothing has caught: SystemExit gives its exit
/// code (after the function's non-daemon threads and atexit callbacks), KeyboardInterrupt dies of SIGINT, anything else
/// shows its traceback and exits with 1. `exception` is an exception instance. With the GIL held.
[[noreturn]] void end_process(const py::object& exception);

/// Runs what the function has registered with `atexit`, and writes out what its streams still hold. With the GIL held.
void run_exit_callbacks();

}  // namespace kiln::python
