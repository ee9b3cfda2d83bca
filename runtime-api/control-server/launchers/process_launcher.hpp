// SPDX-License-Identifier: Apache-2.0
// The launcher without isolation, for development: a plain child process in a process group of its own, which dies with
// the server.
#pragma once

#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/process_zygote.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

class ProcessLauncher final : public Launcher {
 public:
  /// `thread` must have exactly one thread, and live as long as the launched processes are to live: the kernel kills them
  /// when the thread that forked them ends.
  /// `zygote`, where there is one, makes the runtimes that may be forked; it must outlive this.
  ProcessLauncher(EventLoop& loop, WorkerPool& thread, const OrphanGuard& guard, ProcessZygote* zygote = nullptr)
      : loop_(loop), thread_(thread), guard_(guard), zygote_(zygote) {}

  std::string_view name() const override { return "process"; }
  InstancePaths paths(const InstanceSpec& spec) const override;
  Task<LaunchResult> start(InstanceSpec spec) override;

 private:
  EventLoop& loop_;
  WorkerPool& thread_;
  const OrphanGuard& guard_;
  ProcessZygote* const zygote_;
};

}  // namespace kiln
