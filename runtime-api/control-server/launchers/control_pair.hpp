// SPDX-License-Identifier: Apache-2.0
// The socket between the server and a process that makes or is a sandbox. Any thread.
#pragma once

#include <chrono>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln {

struct ControlPair {
  Descriptor ours, theirs;
};

/// Reads of our end give up after ten seconds. Throws std::system_error.
ControlPair make_control();

/// Has reads of `control` give up after `patience` from now on. Throws std::system_error.
void limit_reads(int control, std::chrono::milliseconds patience);

/// Waits for one. Throws std::exception where none comes.
sandbox::Reply receive_reply(int control);

}  // namespace kiln
