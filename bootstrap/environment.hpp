// SPDX-License-Identifier: Apache-2.0
// What the bootstrap reads from its environment; nothing else in it calls getenv.
#pragma once

#include <string>
#include <vector>

#include "bootstrap/runtime.hpp"

namespace kiln {

/// Where events come from.
struct PlatformAddress {
  /// KILN_RUNTIME_API_FD, "3" or "3-10": a connected socket for each invocation that may run at once; wins.
  std::vector<int> inherited_fds;
  std::string address;  ///< AWS_LAMBDA_RUNTIME_API, "host:port"; empty where unset
};

struct BootstrapEnvironment {
  PlatformAddress platform;
  FunctionEnvironment function;
  int max_concurrency = 1;  ///< AWS_LAMBDA_MAX_CONCURRENCY; 1 where unset or no number from 1 to 1000
};

/// Reads everything, and removes KILN_RUNTIME_API_FD so that no child of the function takes it for its own. Call once,
/// from the main thread, before any other thread exists.
BootstrapEnvironment take_environment();

}  // namespace kiln
