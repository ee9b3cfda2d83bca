// SPDX-License-Identifier: Apache-2.0
// A process in which a language runtime waits for a function: forked from the first process, unprivileged as the instance's
// programs are, and as far on its way as one can be that does not know whose it is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/program.hpp"

namespace kiln::sandbox {

/// A language runtime that has started in the process which forks.
class ForkedRuntime {
 public:
  virtual ~ForkedRuntime() = default;
  /// In the new process, at once: it is a process of its own.
  virtual void forked() = 0;
  /// Then there, if there is time: all that can be done without a function.
  virtual void rehearse() = 0;
  /// Later there: it is what `program` would be, but for its environment. Returns the exit code; the caller ends the process
  /// with it.
  virtual int run(const Program& program) = 0;

  /// Around each fork, in the process that forks; in the new one comes forked().
  virtual void before_fork() = 0;
  virtual void after_fork() = 0;

  // A function's snapshot (snapshot_process.hpp): loaded once, forked for each instance.

  /// As run(), but only loads the function and calls its hooks before a snapshot. False where that has failed; what there is to
  /// say of it has been written to the output.
  virtual bool load(const Program& program) = 0;
  /// In the fork of a process that has loaded it, after forked(): all that can be done before its instance is known.
  virtual void wake() = 0;
  /// Later there: as run(), with the function as it is.
  virtual int resume(const Program& program) = 0;

  /// What is open in the new process and stays so; sorted.
  virtual std::span<const int> own_descriptors() const { return {}; }
  virtual Handlers handlers() const { return Handlers::reset; }
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
