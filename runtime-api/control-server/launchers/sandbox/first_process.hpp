// SPDX-License-Identifier: Apache-2.0
// The first process of a sandbox: makes its file system, waits for a function, becomes its user, starts its programs, reaps,
// passes signals on, and says how each program ended. When it ends, the kernel ends everything in its pid namespace. It is a
// program of its own (sandbox-init), or the fork of a zygote.
#pragma once

#include "runtime-api/control-server/launchers/sandbox/ready_runtime.hpp"

namespace kiln::sandbox {

struct FirstProcess {
  ForkedRuntime* runtime = nullptr;  ///< stands ready for launches; null where the runtime is executed
  bool root_is_made = false;         ///< it has begun in a root that is as the plan's would be
  /// Of the fork of a snapshot: what that was prepared with. The server completes it from outside: its file system, its network.
  const PreparePlan* prepared = nullptr;
};

/// In a process that is alone in its pid, mount, ipc and uts namespaces and has its socket as `control_fd`. Does not return
/// while the sandbox lives; the result is the exit code after a failure, which the server has been told.
int run_first_process(const FirstProcess& self);

}  // namespace kiln::sandbox
