// SPDX-License-Identifier: Apache-2.0
// The process from which sandboxes are forked whose language runtime has already started: single-threaded, in namespaces
// and a root of its own, with nothing of any function in it. In the server's pid namespace: what it forks are children of
// the server, and live on when it is replaced.
#pragma once

#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/ready_runtime.hpp"

namespace kiln::sandbox {

/// A language runtime that can be started ahead of time.
class WarmRuntime : public ForkedRuntime {
 public:
  /// Starts it, loads `modules`, and goes through the motions of an invocation. Throws std::exception, whose text names
  /// the module that cannot be loaded.
  virtual void warm(const std::vector<std::string>& modules) = 0;
};

/// Serves the socket `control_fd` (serve_forks.hpp): each request has one descriptor, the socket that the new first process is
/// to have. Returns the exit code.
int run_zygote(WarmRuntime& runtime);

}  // namespace kiln::sandbox
