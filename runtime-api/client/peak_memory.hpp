// SPDX-License-Identifier: Apache-2.0
// The process's peak resident memory, asked for once an invocation.
#pragma once

namespace kiln {

/// Used by one thread.
class PeakMemory {
 public:
  /// The peak in KiB where it has grown since the last call that returned one, else 0.
  long grown_kib();

 private:
  long reported_kib_ = 0;
  long faults_seen_ = 0;
};

}  // namespace kiln
