// SPDX-License-Identifier: Apache-2.0
// The external extensions of one instance as processes: what they write, how they end. What they say over the Extensions
// API is the registry's. Data-plane thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/stream.hpp"

namespace kiln {

class ExtensionProcesses {
 public:
  struct Hooks {
    /// Whole lines, each with its newline; two extensions never share one.
    std::function<void(std::string_view lines)> on_output;
    /// One has ended; `how` as in ExitStatus::describe. Whatever it wrote was handed on before.
    std::function<void(const std::string& name, const std::string& how)> on_ended;
    /// Nothing refers to this object any more; it may be destroyed, though not from within. Not called where there were
    /// no processes.
    std::function<void()> on_gone;
  };

  ExtensionProcesses(EventLoop& loop, std::vector<std::unique_ptr<LaunchedExtension>> launched, Hooks hooks);
  ~ExtensionProcesses();
  ExtensionProcesses(const ExtensionProcesses&) = delete;
  ExtensionProcesses& operator=(const ExtensionProcesses&) = delete;

  std::vector<std::string> names() const;
  std::size_t running() const { return running_; }
  /// SIGKILL to one, or to all.
  void kill(std::string_view name);
  void kill_all();

 private:
  struct Process;

  Task<void> read_output(Process& process);
  Task<void> watch_exit(Process& process);
  void drain(Process& process);
  void task_over();

  EventLoop& loop_;
  const Hooks hooks_;
  std::list<Process> processes_;
  std::size_t running_ = 0;
  int tasks_ = 0;  // coroutines that refer to this object
};

}  // namespace kiln
