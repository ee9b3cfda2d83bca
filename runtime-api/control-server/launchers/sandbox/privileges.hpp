// SPDX-License-Identifier: Apache-2.0
// What the first process gives up before it starts anything of the function's: once for the whole sandbox, so that all
// its programs are of one user namespace and one Landlock domain, and may see and signal one another as they do where
// there is no sandbox.
#pragma once

#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {

/// Makes the calling process, which has been root, the instance's unprivileged user without any capability, for it and
/// for all it starts. Afterwards it is neither readable nor traceable by them, and ends with its parent. The file system
/// must be complete. Throws std::system_error that names the step.
/// Where `prepared` is a snapshot's, what it needs to fork into new namespaces of its own is left: CAP_SYS_ADMIN in a user
/// namespace that owns nothing yet.
void give_up_privileges(const PreparePlan& prepared);

/// In the first process of a snapshot's fork, in its own file system: the rest of it, so that it is like any other sandbox.
/// Throws likewise.
void give_up_the_rest(const PreparePlan& prepared);

/// Leaves the calling process, which is root, only what it needs to make sandboxes, for it and for all it forks. Throws
/// std::system_error.
void keep_what_sandboxes_need();

}  // namespace kiln::sandbox
