// SPDX-License-Identifier: Apache-2.0
// Instances of one function as forks of a warmed interpreter, for a server that has no sandboxes (ADR 0017).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/control-server/launchers/zygote.hpp"

namespace kiln {

/// One thread, always the same, as for Zygote.
class ProcessZygote {
 public:
  /// `modules` are loaded ahead of time. `report` hears why instances are executed instead; on that thread.
  ProcessZygote(const OrphanGuard& guard, std::vector<std::string> modules,
                std::function<void(const std::string&)> report)
      : guard_(guard), modules_(std::move(modules)), report_(std::move(report)) {}

  /// As spawn_process, of requests that differ in nothing but descriptors and variables: the process is a fork of a zygote, which
  /// is the same program; where none can be had, now or in the minute after, the program is executed.
  SpawnResult spawn(const SpawnRequest& request);

 private:
  SpawnResult fork(const SpawnRequest& request);

  const OrphanGuard& guard_;
  const std::vector<std::string> modules_;
  const std::function<void(const std::string&)> report_;
  std::optional<Zygote> zygote_;
  std::chrono::steady_clock::time_point next_try_;
};

}  // namespace kiln
