// SPDX-License-Identifier: Apache-2.0
// The memory of a container, by the control group that its first process is in. Both versions.
#pragma once

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::container {

class MemoryFigures {
 public:
  /// Of the group of process `pid`, while that lives. Has nothing to tell where there is no such group.
  explicit MemoryFigures(int pid);

  bool known() const { return static_cast<bool>(peak_); }
  /// In KiB; 0 where it cannot be told.
  long peak_kib() const;
  long oom_kills() const;

 private:
  Descriptor peak_;
  Descriptor events_;
};

}  // namespace kiln::container
