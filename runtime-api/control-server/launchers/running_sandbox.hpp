// SPDX-License-Identifier: Apache-2.0
// A sandbox with programs in it, from their start to the end of its first process. Data-plane thread only.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "runtime-api/control-server/launchers/child_process.hpp"
#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"
#include "runtime-api/server/async/outgoing_connection.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

/// The message a first process has sent, if there is one, and the descriptor it came with, if there was one. Does not block.
std::optional<sandbox::Reply> read_reply(int control, Descriptor* with = nullptr);

class RunningSandbox : public std::enable_shared_from_this<RunningSandbox> {
 public:
  /// The threads it uses: what is left of the sandbox is cleared away on one, on the other its memory is looked at.
  struct Threads {
    WorkerPool& clearing;
    WorkerPool& watching;
  };
  /// `programs` as in the launch, the runtime last. Its processes may take `memory_mb`. `origin` is the sandbox it has been
  /// forked in, without which it cannot be; null where that is none.
  RunningSandbox(EventLoop& loop, Threads threads, PreparedSandbox sandbox, std::size_t programs, int memory_mb,
                 std::shared_ptr<RunningSandbox> origin = nullptr);
  /// Kills what is left.
  ~RunningSandbox();
  /// Begins to listen for what its first process says; to be called once.
  void watch();

  std::uint32_t uid() const { return sandbox_->uid.uid(); }
  /// Of the first process, on this host.
  int pid() const { return process_.pid(); }
  /// To a program and what it has started.
  void signal(std::size_t program, int number);
  /// All of it; false where there is nothing to do it with.
  bool freeze();
  void thaw();
  /// Completes once. The last program's completes when nothing at all is left in the sandbox.
  Completion<ExitStatus>& exited(std::size_t program) { return programs_[program].exited; }
  /// The way to its loopback; may be used after it has ended.
  MakeSocket loopback() const;
  const Cgroup& cgroup() const { return sandbox_->cgroup; }
  /// Why nothing more can be written to its /tmp, as words for a log; empty where something can. After its end too.
  std::string tmp_full() const;

 private:
  struct Program {
    Completion<ExitStatus> exited;
    std::optional<ExitStatus> status;  // known
    bool told = false;
  };

  void on_reply();
  void guard_memory();
  static Task<void> look_at_memory(std::weak_ptr<RunningSandbox> weak, MemoryWatch watch, int memory_mb,
                                   std::shared_ptr<const Descriptor> tmp, WorkerPool& thread);
  void memory_looked_at(bool over, Descriptor event);
  bool out_of_memory() const;
  void read_replies();
  void tell_exits(bool of_all);
  void on_first_process_exit(ExitStatus own);
  std::size_t running() const;
  void kill_first_process();

  std::shared_ptr<RunningSandbox> origin_;  // first, so that it is let go of last
  EventLoop& loop_;
  const Threads threads_;
  const int memory_mb_;
  std::shared_ptr<PreparedSandbox> sandbox_;
  std::shared_ptr<const Descriptor> tmp_;  // of its /tmp, to be asked only
  std::optional<DescriptorWatch> replies_;
  Descriptor memory_event_;
  std::optional<DescriptorWatch> memory_;
  bool over_memory_ = false;
  bool frozen_ = false;
  std::deque<Program> programs_;
  ChildProcess process_;
};

}  // namespace kiln
