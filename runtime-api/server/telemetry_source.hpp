// SPDX-License-Identifier: Apache-2.0
// What the Telemetry API of one instance needs from the platform behind it. The routes know no log and no delivery.
#pragma once

#include <optional>

#include "runtime-api/server/extensions/extension_registry.hpp"
#include "runtime-api/server/telemetry_subscription.hpp"

namespace kiln {

/// Data-plane thread only. Every method returns at once.
class TelemetrySource {
 public:
  virtual ~TelemetrySource() = default;

  /// Whether the init phase is over, and with it the time to subscribe.
  virtual bool subscription_closed() const = 0;
  /// Takes the subscription, in place of an earlier one of the same extension.
  virtual std::optional<ApiError> subscribe(const Extension& extension, TelemetrySubscription subscription) = 0;
};

}  // namespace kiln
