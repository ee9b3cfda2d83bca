// SPDX-License-Identifier: Apache-2.0
// Landlock on top of the mounts: even if one of them were writable, the program may write to /tmp, /dev/shm and the
// devices only, and reaches no abstract socket and signals no process outside its own domain.
#pragma once

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::sandbox {

/// The version of the kernel's Landlock interface; 0 where it has none.
int landlock_version();

/// A rule set for the file system as it is now. Throws std::system_error.
Descriptor make_landlock_rules();

/// Restricts the calling thread. Needs no_new_privs. Returns errno; async-signal-safe.
int restrict_by_landlock(int rules);

}  // namespace kiln::sandbox
