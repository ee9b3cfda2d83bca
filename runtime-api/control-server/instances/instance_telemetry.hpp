// SPDX-License-Identifier: Apache-2.0
// One instance as its subscribers see it: the Telemetry API's subscriptions, and the events of the instance's life that only
// it can tell. Data-plane thread only.
#pragma once

#include <chrono>
#include <optional>

#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/telemetry/instance_log.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/runtime_session.hpp"
#include "runtime-api/server/telemetry_source.hpp"

namespace kiln {

class InstanceTelemetry final : public TelemetrySource {
 public:
  /// All must outlive it.
  InstanceTelemetry(InstanceLog& log, const ExtensionRegistry& extensions, const LaunchedInstance& launched)
      : log_(log), extensions_(extensions), launched_(launched) {}

  /// The runtime has polled for its first event, or has failed to.
  void runtime_initialized(const FunctionError* error, InitKind kind);
  /// The extensions have done so too: nobody can subscribe any more.
  void init_over(const FunctionError* error, InitKind kind);
  /// The runtime's hooks after a restore have run, or have failed.
  void restored(std::chrono::nanoseconds duration, const FunctionError* error);
  /// Extensions go by this event: from here on they may end their own work on the invocation. `begun` is when the event was
  /// handed out.
  void runtime_done(const Invocation& invocation, const InvocationResult& result, const CallTrace& trace,
                    Deadline::Clock::time_point begun, std::chrono::nanoseconds duration);
  /// The instance is about to end: what is buffered goes out now.
  void hurry();
  /// Whether there is something that subscribers have not got yet.
  bool has_unsent() const;
  /// Waits until there is not, at most until `deadline`. One at a time.
  Task<void> drain(Deadline deadline);

  bool subscription_closed() const override;
  std::optional<ApiError> subscribe(const Extension& extension, TelemetrySubscription subscription) override;

 private:
  InstanceLog& log_;
  const ExtensionRegistry& extensions_;
  const LaunchedInstance& launched_;
};

/// A failure as the events have it: "error", "timeout" or, where the platform failed, "failure".
std::string_view telemetry_status(const FunctionError& error);

}  // namespace kiln
