// SPDX-License-Identifier: Apache-2.0
// The launch of an instance's programs in a sandbox that waits for them. Data-plane thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/running_sandbox.hpp"
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// One file for each 16 KiB of /tmp: enough for what fits, and an end to what does not.
inline constexpr std::uint32_t tmp_files_per_mb = 64;

/// What a launch is, beside what its instance asks for.
struct LaunchTerms {
  bool has_cgroups = false;
  Deadline limit = Deadline::never();  ///< for its first process to answer
  Descriptor snapshot;                 ///< the runtime is to be a snapshot, which serves this socket
  std::shared_ptr<RunningSandbox>
      origin;  ///< the snapshot that the sandbox is a fork of; it has the function's folders
};

/// What runs.
struct LaunchedPrograms {
  std::shared_ptr<RunningSandbox> sandbox;
  int runtime_pid = 0;  ///< on this host; 0 where that cannot be told
  Deadline::Clock::time_point executed_at;
  Endpoints ends;
  std::vector<Descriptor> extension_logs;
};

/// Launches `spec` in `sandbox`. What its threads are for stands at RunningSandbox. Throws std::exception where the machine
/// has run out of something, or the first process has gone.
Task<std::variant<LaunchedPrograms, LaunchError>> launch_in(EventLoop& loop, RunningSandbox::Threads threads,
                                                            PreparedSandbox sandbox, InstanceSpec spec,
                                                            LaunchTerms terms);

/// Waits until `descriptor` has something to read, without occupying a thread. False where `limit` has passed first.
Task<bool> readable(EventLoop& loop, int descriptor, Deadline limit);

/// How many processes and threads an instance may have.
extern const std::uint32_t sandbox_processes;

}  // namespace kiln
