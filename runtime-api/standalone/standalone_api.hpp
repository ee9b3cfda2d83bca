// SPDX-License-Identifier: Apache-2.0
// What the container's port answers. Data-plane thread only.
#pragma once

#include <memory>

#include "runtime-api/control-server/api/invocation_api.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"

namespace kiln::standalone {

/// Whether the request is a platform's look at the container rather than a call: it must not reach the function
/// (Knative's runtime contract; the agents of the usual load balancers).
bool is_probe(const http::RequestHead& request);

class StandaloneApi {
 public:
  /// All calls go to `pool`. Calls of Invoke name it "function", as for the official emulator, or by its own name.
  StandaloneApi(Metrics& metrics, const AccountSettings& account, std::shared_ptr<FunctionPool> pool);

  /// Answers the request that `connection` holds.
  Task<void> handle(http::Connection& connection);
  /// From now on connections are closed after their answer.
  void drain() { invocations_.drain(); }
  bool draining() const { return invocations_.draining(); }

 private:
  Task<void> cloud_event_call(http::Connection& connection);

  const std::shared_ptr<FunctionPool> pool_;
  InvocationApi invocations_;
};

}  // namespace kiln::standalone
