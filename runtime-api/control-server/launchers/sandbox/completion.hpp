// SPDX-License-Identifier: Apache-2.0
// What a snapshot's fork has no right to make for itself, made from outside by a process of the server's: its view of its
// processes, its /tmp and shared memory, its host name.
#pragma once

namespace kiln::sandbox {

/// Serves one CompletionPlan from the socket `control_fd`, answered by `ready` or `failed`. Returns the exit code.
int run_completion();

}  // namespace kiln::sandbox
