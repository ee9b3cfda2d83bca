// SPDX-License-Identifier: Apache-2.0
// A program inside a sandbox: made, with its descriptors, limits and system-call filter, and executed. What it may not have
// as a user it has not got from its parent either (privileges.hpp).
#pragma once

#include <cstdint>
#include <span>
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

// What makes the calling process a program of the instance, but for its execution. Both return the step that failed, with errno
// set; null where all is done.

/// What becomes of the signal handlers that are there.
enum class Handlers { reset, kept };

/// What does not depend on the program: a session of its own, default signals, none blocked, the filter.
const char* become_some_program(const PreparePlan& prepared, Handlers handlers = Handlers::reset);
/// What does: its descriptors, limits and working directory. `kept`, which is no descriptor of the program's, stays open for
/// now; it may get another number.
const char* become_this_program(const LaunchPlan& launch, const Program& program, const ProgramDescriptors& descriptors,
                                int& kept);

/// Moves them to their numbers, and /dev/null to stdin; all others close on execution. `kept` as above. False where it
/// cannot, with errno set.
bool place_descriptors(ProgramDescriptors descriptors, int& kept);
/// Default signals, none of them blocked.
void reset_signals();

/// Forks and waits until the program has been executed, or could not be.
Started start_program(const PreparePlan& prepared, const LaunchPlan& launch, const Program& program,
                      const ProgramDescriptors& descriptors);

/// Closes every descriptor of the calling process from `first` on, but for those of `kept`, which is sorted.
void close_from(int first, std::span<const int> kept);
/// The same from the first that is not the program's.
void close_all_but(const ProgramDescriptors& descriptors, std::span<const int> kept = {});

std::int64_t monotonic_ns();

}  // namespace kiln::sandbox
