// SPDX-License-Identifier: Apache-2.0
// Starts the one interpreter of this process.
#pragma once

#include <string>
#include <vector>

namespace kiln::python {

/// What an interpreter starts with. Nothing in it belongs to a function, so that one interpreter can be warmed before
/// it is known which function it is to run.
struct InterpreterSettings {
  std::string program;                   ///< sys.argv[0]
  std::vector<std::string> search_path;  ///< sys.path, in order
};

/// Starts CPython: no `site`, no signal handlers, UTF-8 throughout, the distribution's standard library. The calling
/// thread then holds the GIL. Call once in a process. Throws std::runtime_error where the interpreter cannot start.
/// There is no end: a finalised interpreter costs milliseconds and can crash in extensions (see end_process.hpp).
void start_interpreter(const InterpreterSettings& settings);

}  // namespace kiln::python
