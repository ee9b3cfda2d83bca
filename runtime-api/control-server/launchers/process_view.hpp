// SPDX-License-Identifier: Apache-2.0
// What is seen of a process from outside, whoever's child it is.
#pragma once

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

/// A pidfd, close-on-exec. Throws std::system_error: ESRCH where there is no such process.
Descriptor open_pidfd(int pid);

/// False where it has ended.
bool send_signal(const Descriptor& pidfd, int number);

/// Waits until the process has ended, which it is about to: it has been killed.
void await_end(const Descriptor& pidfd);

/// The peak resident memory of a process, as /proc tells it while it lives.
class PeakMemory {
 public:
  explicit PeakMemory(int pid);
  /// In KiB; 0 where it cannot be told, so once the process has gone.
  long kib() const;

 private:
  Descriptor status_;
};

}  // namespace kiln
