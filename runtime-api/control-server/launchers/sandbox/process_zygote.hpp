// SPDX-License-Identifier: Apache-2.0
// A zygote whose forks are plain processes of its own user: without namespaces, without any privilege, in whatever container it
// runs (ADR 0017).
#pragma once

#include "runtime-api/control-server/launchers/sandbox/zygote_process.hpp"

namespace kiln::sandbox {

/// Whether the descriptor control_fd is a zygote's: then the program is to be one.
bool has_zygote_socket();

/// Serves the socket `control_fd` (serve_forks.hpp): each request is a LaunchPlan of one program, with its output and what it
/// inherits. The fork is a child of the zygote's parent, as an executed program would be, leads a process group of its own and
/// is killed when that parent ends. What goes wrong in it is written to its output. Returns the exit code.
int run_process_zygote(WarmRuntime& runtime);

}  // namespace kiln::sandbox
