// SPDX-License-Identifier: Apache-2.0
// The operations listener: health, readiness, metrics. Data-plane thread only.
#pragma once

#include <functional>

#include "runtime-api/control-server/telemetry/metrics.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"

namespace kiln {

class OperationsApi {
 public:
  /// `ready` says whether the server takes calls.
  OperationsApi(const Metrics& metrics, std::function<bool()> ready) : metrics_(metrics), ready_(std::move(ready)) {}

  /// Answers the request that `connection` holds.
  Task<void> handle(http::Connection& connection) const;

 private:
  const Metrics& metrics_;
  const std::function<bool()> ready_;
};

}  // namespace kiln
