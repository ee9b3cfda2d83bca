// SPDX-License-Identifier: Apache-2.0
// The file system of a sandbox, made from within its new mount namespace. All of it throws std::system_error that names
// the step.
#pragma once

#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {

/// Makes the root, enters it, and lets go of the host's. Afterwards nothing of the host can be reached by a path but what
/// `layout` shows.
void make_root(const RootLayout& layout);

/// Adds what each sandbox has of its own: the view of its processes, /tmp, shared memory; and covers what is the kernel's.
void fill_root(const RootLayout& layout);

/// A view of the processes of this process's pid namespace, mounted nowhere yet.
Descriptor make_process_view();

/// In a copy of a complete root: covers what in it is another sandbox's by new ones, `processes` among them. The copy may belong
/// to a user namespace of its own.
void cover_root(const CompletionPlan& plan, const Descriptor& processes);

/// Adds what is the function's own: its mounts, and the size of its /tmp. Then the root is sealed.
void complete_root(const LaunchPlan& plan, const Descriptor* mounts);

/// Makes the root itself read-only; other things can still be mounted on its folders.
void seal_root();

}  // namespace kiln::sandbox
