// SPDX-License-Identifier: Apache-2.0
// What the control groups of a container have counted, by those that its first process is in. Both versions.
#pragma once

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::container {

class GroupFigures {
 public:
  /// Of the groups of process `pid`, while that lives. Has nothing to tell where there are none.
  explicit GroupFigures(int pid);

  /// Whether it can tell the memory of all its processes.
  bool known() const { return static_cast<bool>(peak_); }
  /// In KiB; 0 where it cannot be told.
  long peak_kib() const;
  long oom_kills() const;
  /// How often a process or thread was refused for their limit.
  long refused_processes() const;

 private:
  Descriptor peak_;
  Descriptor events_;
  Descriptor processes_;
};

}  // namespace kiln::container
