// SPDX-License-Identifier: Apache-2.0
// A function's snapshot: the process that has loaded it, in a sandbox as every instance has one, and is forked for each of its
// instances. Unlike a zygote it has run code of a user's, and so is trusted no more than an instance: it can make namespaces
// for its forks, and nothing in them; the server does that from outside (completion.hpp).
#pragma once

#include "runtime-api/control-server/launchers/sandbox/ready_runtime.hpp"

namespace kiln::sandbox {

/// What a snapshot is asked: each message has one descriptor, the socket that the new first process is to have. That says
/// `forked` there, waits for a message, and stands ready for a launch.
inline constexpr char snapshot_request = 's';

/// In the runtime's process, at its launch, with the socket for this as its `control_fd`: loads `program` (answered by `ready`,
/// `failed` or `unsuitable`), then forks for each request. Returns the exit code, once the server has let go of the socket.
int serve_snapshot(ForkedRuntime& runtime, const PreparePlan& prepared, const Program& program);

}  // namespace kiln::sandbox
