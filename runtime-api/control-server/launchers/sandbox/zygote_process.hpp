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

/// What the zygote is asked: each message has one descriptor, the socket that the new first process is to have.
inline constexpr char fork_request = 'f';

/// Serves the socket `control_fd`: a ZygotePlan, answered by `ready` or `failed`; then one fork for each request, answered by
/// `forked` or `failed`. Returns the exit code, once the server has let go of it.
int run_zygote(WarmRuntime& runtime);

}  // namespace kiln::sandbox
