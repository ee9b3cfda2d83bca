// SPDX-License-Identifier: Apache-2.0
// One run of an operator's command: bytes in, bytes out, within a time. Data-plane thread only; nothing in it blocks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "runtime-api/control-server/launchers/child_process.hpp"
#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

/// How a command is run: where, by whom. All referred to outlives the call.
struct CommandContext {
  EventLoop& loop;
  WorkerPool& thread;  ///< the one that forks; lives as long as what it has forked
  const OrphanGuard& guard;
  const std::filesystem::path& command;         ///< absolute; gets no arguments
  const std::vector<std::string>& environment;  ///< "KEY=VALUE"
};

struct CommandOutcome {
  enum class End {
    exited,
    not_executed,    ///< `error` says why
    overstayed,      ///< killed at its limit
    wrote_too_much,  ///< killed for it
    cancelled,       ///< killed by `cancel`
  };
  End end = End::exited;
  std::error_code error;
  ExitStatus status;   ///< where it was executed
  std::string output;  ///< what it wrote to stdout
  std::string errors;  ///< the last of what it wrote to stderr
};

/// Must not be destroyed while it runs.
class CommandCall {
 public:
  explicit CommandCall(const CommandContext& context) : context_(context), timer_(context.loop) {}
  CommandCall(const CommandCall&) = delete;
  CommandCall& operator=(const CommandCall&) = delete;

  /// Runs the command with `input` as its stdin and `inherited` as its descriptors from first_inherited_fd on, until it has
  /// ended; what is left of its process group then is killed. It is killed at `limit`. Once; throws nothing.
  Task<CommandOutcome> run(std::string input, std::vector<int> inherited, Deadline limit);
  /// Kills it, as soon as it runs.
  void cancel() { kill(CommandOutcome::End::cancelled); }

 private:
  Task<void> execute(const std::string& input, std::vector<int> inherited, Deadline limit);
  void kill(CommandOutcome::End why);
  void take(int pipe, std::string& into, std::size_t keep);

  const CommandContext context_;
  Timer timer_;
  std::optional<ChildProcess> process_;  // while it runs
  CommandOutcome outcome_;
  std::size_t written_ = 0;
};

}  // namespace kiln
