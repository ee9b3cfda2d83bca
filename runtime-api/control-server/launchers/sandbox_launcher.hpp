// SPDX-License-Identifier: Apache-2.0
// The launcher with isolation: each instance in a sandbox of its own, which was made before anybody called.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "runtime-api/control-server/launchers/function_snapshot.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/ready_pool.hpp"
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

/// Zygotes by the runtime that they are of.
using ZygotePrograms = std::map<std::string, ZygoteOptions, std::less<>>;

class SandboxLauncher final : public Launcher {
 public:
  /// All must live as long as the instances.
  struct Threads {
    WorkerPool& making;    ///< exactly one: it is the parent of all
    WorkerPool& watching;  ///< memory
    WorkerPool& forking;   ///< snapshots, which take the time that functions take
  };
  /// Of each kind `target` are kept ready; snapshots of functions that have no instance, for `snapshot_idle`.
  struct Stock {
    std::size_t target = 0;
    std::chrono::milliseconds snapshot_idle{0};
  };
  SandboxLauncher(EventLoop& loop, const Threads& threads, SandboxFactory& factory, const Stock& stock,
                  const ZygotePrograms& zygotes, const OrphanGuard& guard);
  ~SandboxLauncher() override;

  std::string_view name() const override { return "sandbox"; }
  std::string why_no_preload() const override;
  InstancePaths paths(const InstanceSpec& spec) const override;
  Task<LaunchResult> start(InstanceSpec spec) override;
  void stop();
  bool settled() const;

 private:
  struct Forked;

  Task<LaunchResult> start_forked(const InstanceSpec& spec);
  /// Where the next instance of `spec` comes from.
  ReadyPool<PreparedSandbox>& pool_for(const InstanceSpec& spec);
  static Task<PreparedSandbox> take_living(ReadyPool<PreparedSandbox>& pool);

  EventLoop& loop_;
  WorkerPool& thread_;
  WorkerPool& watching_;
  SandboxFactory& factory_;
  ReadyPool<PreparedSandbox> executed_;
  std::map<std::string, std::unique_ptr<Forked>, std::less<>> forked_;  // by zygote_name()
  std::unique_ptr<SnapshotWorkshop> workshop_;
};

}  // namespace kiln
