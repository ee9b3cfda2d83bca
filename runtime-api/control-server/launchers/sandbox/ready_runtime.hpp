// SPDX-License-Identifier: Apache-2.0
// A process in which a language runtime waits for a function: forked from the first process, unprivileged as the instance's
// programs are, and as far on its way as one can be that does not know whose it is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {

/// A language runtime that has started in the process which forks.
class ForkedRuntime {
 public:
  virtual ~ForkedRuntime() = default;
  /// In the new process, at once: it is a process of its own.
  virtual void forked() = 0;
  /// Then there: all that can be done without a function.
  virtual void rehearse() = 0;
  /// Later there: it is what `program` would be, but for its environment. Returns the exit code; the caller ends the process
  /// with it.
  virtual int run(const Program& program) = 0;
};

struct ReadyRuntime {
  int pid = 0;
  Descriptor socket;
};

/// Forks it and waits until it is ready, on which it is `niceness` nice. Throws std::system_error.
ReadyRuntime make_ready(ForkedRuntime& runtime, const PreparePlan& prepared, int niceness);

/// Makes it the last program of `launch` (an encoded LaunchPlan) with `descriptors`: its output, and what it inherits. What
/// goes wrong from then on it writes to its output, and ends. Returns the time, on the monotonic clock. Throws
/// std::system_error where it has ended.
std::int64_t hand_over(const ReadyRuntime& runtime, std::string_view launch, std::span<const int> descriptors);

}  // namespace kiln::sandbox
