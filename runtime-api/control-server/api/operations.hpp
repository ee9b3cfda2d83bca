// SPDX-License-Identifier: Apache-2.0
// The operations listener: health, readiness, metrics, and what an autoscaler asks. Data-plane thread only.
#pragma once

#include <functional>
#include <utility>

#include "runtime-api/control-server/telemetry/metrics.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"

namespace kiln {

class OperationsApi {
 public:
  /// `ready` says whether the server takes calls. `update_gauges` sets, in `metrics`, what is counted only when asked for.
  OperationsApi(const Metrics& metrics, std::function<bool()> ready, std::function<void()> update_gauges)
      : metrics_(metrics), ready_(std::move(ready)), update_gauges_(std::move(update_gauges)) {}

  /// Answers the request that `connection` holds.
  Task<void> handle(http::Connection& connection) const;

 private:
  /// GET /scale/NAME as JSON, in the form that KEDA's metrics-api trigger reads; without a name, of all functions together.
  Task<void> scale(http::Connection& connection, std::string_view name) const;

  const Metrics& metrics_;
  const std::function<bool()> ready_;
  const std::function<void()> update_gauges_;
};

}  // namespace kiln
