// SPDX-License-Identifier: Apache-2.0
// SIGTERM ends the wait for an event, and nothing else.
#pragma once

#include <pthread.h>

#include <csignal>
#include <vector>

#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {

/// A loop that is to stop: the client it waits with, and the thread it runs on.
struct StopTarget {
  RuntimeApiClient* client;
  pthread_t thread;
};

/// What a second SIGTERM does.
enum class SecondStop {
  ends,    ///< the default effect, so that a handler that never ends can still be stopped politely
  nothing  ///< for one of several processes, which may get it from the platform and from its parent
};

/// Turns SIGTERM into RuntimeApiClient::request_stop as long as it lives; at most one lives at a time. System calls of
/// the function's are restarted, not interrupted. A handler that the function itself has installed (during load) is called
/// too. The clients must outlive this, and the threads be joined after it.
class StopSignal {
 public:
  explicit StopSignal(std::vector<StopTarget> targets, SecondStop second = SecondStop::ends);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The same without a signal. Async-signal-safe; any thread.
  void request_stop() const noexcept;

 private:
  std::vector<StopTarget> targets_;
  struct sigaction previous_{};
  struct sigaction previous_wake_{};
};

}  // namespace kiln
