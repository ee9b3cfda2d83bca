// SPDX-License-Identifier: Apache-2.0
// A process seen through its pidfd: its exit is an event of the loop, and no signal can hit a stranger that has
// taken its number. Data-plane thread only.
#pragma once

#include <functional>
#include <memory>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

class ChildProcess {
 public:
  /// `pid` must be an unreaped child of this process and the leader of its own process group. `borrowed_peak_kib` as in
  /// SpawnResult. `on_exit` is called when it has been reaped, before `exited` completes; it may destroy this object.
  ChildProcess(EventLoop& loop, int pid, long borrowed_peak_kib, std::function<void(ExitStatus)> on_exit = {});
  /// The first process of a pid namespace that somebody else reaps: how it ended cannot be told (it counts as killed), nor what
  /// memory it took in the end. `pidfd` is its own.
  ChildProcess(EventLoop& loop, int pid, Descriptor pidfd, std::function<void(ExitStatus)> on_exit);
  /// Kills and reaps where that has not happened yet.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Kills and reaps now, where that has not happened yet.
  void end();
  int pid() const;
  void signal_group(int signal_number);
  Completion<ExitStatus>& exited();
  /// Peak resident memory in KiB: of the program while it runs; once it has been reaped, of the program with the children
  /// it waited for, and 0 where that cannot be told from the server's own.
  long peak_memory_kib() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kiln
