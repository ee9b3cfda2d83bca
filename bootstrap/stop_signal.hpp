// SPDX-License-Identifier: Apache-2.0
// SIGTERM ends the wait for an event, and nothing else.
#pragma once

#include <csignal>

#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {

/// Turns SIGTERM into RuntimeApiClient::request_stop as long as it lives; at most one lives at a time. A second SIGTERM
/// has the default effect, so that a handler that never ends can still be stopped politely. System calls of the
/// function's are restarted, not interrupted. A handler that the function itself has installed (during load) is called
/// too. `client` must outlive this.
class StopSignal {
 public:
  explicit StopSignal(RuntimeApiClient& client);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

 private:
  struct sigaction previous_{};
};

}  // namespace kiln
