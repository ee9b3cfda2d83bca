// SPDX-License-Identifier: Apache-2.0
// The snapshot of one version of a function: a sandbox in which its module has been loaded, and the forks of it that stand
// ready. Whatever goes wrong with it costs time and no call: who gets no fork makes an instance like any other. Data-plane
// thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/ready_pool.hpp"
#include "runtime-api/control-server/launchers/running_sandbox.hpp"
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

/// What the snapshots of one launcher share. It outlives them.
struct SnapshotWorkshop {
  EventLoop& loop;
  RunningSandbox::Threads threads;
  WorkerPool& forking;
  SandboxFactory& factory;
  /// What makes a sandbox for a snapshot of that runtime, on the thread that makes sandboxes. Throws where there is none.
  std::function<std::function<PreparedSandbox()>(const std::string& runtime)> maker;
  std::chrono::milliseconds idle_limit;  ///< nobody has wanted an instance for so long, and there is none: it goes
  bool ended = false;                    ///< nothing more is made
  std::size_t in_progress = 0;
  std::vector<std::shared_ptr<ReadyPool<PreparedSandbox>>> pools = {};  ///< that may still be making something

  /// Whether nothing is being made.
  bool settled();
};

/// A sandbox with the function in it, and that of its snapshot.
struct SnapshotFork {
  PreparedSandbox sandbox;
  std::shared_ptr<RunningSandbox> origin;
};

class FunctionSnapshot final : public KeptByLauncher, public std::enable_shared_from_this<FunctionSnapshot> {
 public:
  explicit FunctionSnapshot(SnapshotWorkshop& workshop);
  /// Its instances keep what they need of it.
  ~FunctionSnapshot() override;

  std::size_t ready() const override;
  /// A fork for an instance of `spec`, waited for where one is being made. Nothing where there is no snapshot; then one is made
  /// in the background, unless that has just failed.
  Task<std::optional<SnapshotFork>> take(const InstanceSpec& spec);
  /// It has failed somebody, or has ended: there is none until the next is made. The function's log says `why`.
  void forget(const std::string& why);

 private:
  struct Live;

  static Task<void> make(std::weak_ptr<FunctionSnapshot> weak, SnapshotWorkshop& workshop, InstanceSpec spec);
  static Task<std::shared_ptr<Live>> load(SnapshotWorkshop& workshop, InstanceSpec spec,
                                          std::function<void(std::string_view)> sink, std::string& why);
  void begin_forking(const std::shared_ptr<Live>& live);
  void used();
  void let_go();

  SnapshotWorkshop& workshop_;
  std::shared_ptr<Live> live_;  // null: none
  bool making_ = false;
  Deadline::Clock::time_point not_before_;
  Timer idle_;
};

}  // namespace kiln
