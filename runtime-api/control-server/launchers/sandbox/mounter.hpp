// SPDX-License-Identifier: Apache-2.0
// The process that keeps a sandbox's privileges until it is known whose the sandbox is: it adds what is the function's, and
// ends. So all the others have given theirs up by then, and nothing of that has to be waited for.
#pragma once

#include <span>
#include <string_view>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::sandbox {

/// Starts it, with the privileges that this process has; returns the socket to it. It is a process, with descriptors and
/// credentials of its own, in this one's memory: a copy of an interpreter's page tables, made and let go of, is a tenth of what a
/// sandbox costs. Each of the two uses that memory only while it is the other's turn to wait. Throws std::system_error.
Descriptor start_mounter();

/// Has it complete the sandbox for `launch` (an encoded LaunchPlan, with its mounts): the file system, the host name, and the
/// priority of `runtime`, a process id or 0, which becomes its own. Throws std::system_error that names the step.
void complete_sandbox(const Descriptor& mounter, std::string_view launch, std::span<const int> mounts, int runtime);

}  // namespace kiln::sandbox
