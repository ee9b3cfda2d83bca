// SPDX-License-Identifier: Apache-2.0
// PUT /2022-07-01/telemetry, and PUT /2020-08-15/logs, its predecessor: an extension subscribes to its instance's events.
#include <string>
#include <utility>
#include <variant>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/extension_caller.hpp"
#include "runtime-api/server/telemetry_source.hpp"

namespace kiln::runtime_routes {
namespace {

ApiError closed(TelemetryApi api) {
  if (api == TelemetryApi::logs) {
    return {403, std::string(error_types::logs_subscription_closed), "Logs API subscription is closed"};
  }
  return {403, std::string(error_types::telemetry_subscription_closed), "Telemetry API subscription is closed"};
}

}  // namespace

Task<void> telemetry(RuntimeCall call, TelemetryApi api) {
  http::Connection& connection = call.connection;
  TelemetrySource& source = *call.options.telemetry;
  auto caller = calling_extension(call);
  if (auto* const refused = std::get_if<ApiError>(&caller)) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  std::string body;
  const auto status = co_await connection.read_body(body, limits::max_control_body);
  if (status != http::BodyStatus::complete) {
    co_await refuse_body(call, status, limits::max_control_body);
    co_return;
  }
  // The body may have taken its time; what was true before may not be now.
  if (source.subscription_closed()) {
    ApiError late = closed(api);
    co_await refuse(call, std::move(late));
    co_return;
  }
  auto parsed = parse_telemetry_subscription(body, api);
  if (auto* const refused = std::get_if<ApiError>(&parsed)) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  auto refused =
      source.subscribe(*std::get<const Extension*>(caller), std::move(std::get<TelemetrySubscription>(parsed)));
  if (refused) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  co_await connection.answer(200, "application/json", "\"OK\"");
}

}  // namespace kiln::runtime_routes
