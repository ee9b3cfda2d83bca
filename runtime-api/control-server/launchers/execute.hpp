// SPDX-License-Identifier: Apache-2.0
// The last step of a new process.
#pragma once

#include <unistd.h>

#include <cerrno>

namespace kiln {

/// execve, which returns where it cannot, with errno. A program that was written a moment ago may be "busy": another child of
/// the server, forked while the server wrote the file, has it open until it executes its own program, some milliseconds later.
/// There is nothing to wait on but time. Does not allocate.
inline void execute(const char* path, char* const* arguments, char* const* environment) {
  constexpr int tries = 50;
  constexpr useconds_t pause_us = 2000;
  for (int i = 0; i < tries; ++i) {
    ::execve(path, arguments, environment);
    if (errno != ETXTBSY) return;
    ::usleep(pause_us);
  }
  errno = ETXTBSY;
}

}  // namespace kiln
