// SPDX-License-Identifier: Apache-2.0
// A small process beside the server that outlives it for a moment: when the server is gone, however it went, it kills the
// process groups of the instances. PDEATHSIG reaches an instance's first process only, not what that one has started.
#pragma once

#include <string>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

class OrphanGuard {
 public:
  /// Forks the guard; call it before the process has threads. Throws std::system_error where it cannot.
  OrphanGuard();
  /// Ends the guard, which kills the groups it still knows.
  ~OrphanGuard();
  OrphanGuard(const OrphanGuard&) = delete;
  OrphanGuard& operator=(const OrphanGuard&) = delete;

  /// Any thread. The process group `group` is to go when the server goes.
  void watch(int group) const;
  /// What is frozen in the control groups below `folder` cannot die: they are thawed as well. To be called once; a path that is
  /// too long for a message is not taken, and then the next server does it.
  void thaw_below(const std::string& folder) const;
  /// The group has ended: its number may soon be somebody else's.
  void forget(int group) const;

 private:
  Descriptor pipe_;
  int pid_ = -1;
};

}  // namespace kiln
