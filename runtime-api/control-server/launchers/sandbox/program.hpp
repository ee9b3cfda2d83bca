// SPDX-License-Identifier: Apache-2.0
// A program inside a sandbox: made, with its descriptors, limits and system-call filter, and executed. What it may not have
// as a user it has not got from its parent either (privileges.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {

struct ProgramDescriptors {
  int output = -1;
  std::vector<int> inherited;  ///< become descriptor 3 and on
};

struct Started {
  int pid = -1;
  int error = 0;                    ///< errno of the step that failed; there is no process then
  const char* step = "";            ///< a literal
  std::int64_t executed_at_ns = 0;  ///< on the monotonic clock
};

/// A language runtime that stands ready in the first process, so that nothing needs to be executed.
class ForkedRuntime {
 public:
  virtual ~ForkedRuntime() = default;
  /// In a child of the first process that has become what the program would be, but for its environment. Returns the exit
  /// code; the caller ends the process with it.
  virtual int run(const Program& program) = 0;
};

/// Forks and waits until the program has been executed, or could not be. With `forked` that runs in place of the program.
Started start_program(const PreparePlan& prepared, const LaunchPlan& launch, const Program& program,
                      const ProgramDescriptors& descriptors, ForkedRuntime* forked);

}  // namespace kiln::sandbox
