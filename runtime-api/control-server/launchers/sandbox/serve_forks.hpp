// SPDX-License-Identifier: Apache-2.0
// What every zygote does, whatever its forks are to be. One thread.
#pragma once

#include <functional>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {

struct Forked {
  int pid = 0;            ///< minus errno where there is no process
  bool in_group = false;  ///< whether it is in the control group that the request had the folder of
};

/// Serves the socket `control_fd`: a ZygotePlan, given to `prepare` and answered by `ready`; then each request is given to
/// `fork` and answered by `forked`, with the process that it returns. `fork` does not return in the new process. What fails is answered by `failed`; what either throws ends the zygote too.
/// Returns the exit code, once the server has let go of the socket.
int serve_forks(const std::function<void(const ZygotePlan&)>& prepare, const std::function<Forked(Received&)>& fork);

}  // namespace kiln::sandbox
