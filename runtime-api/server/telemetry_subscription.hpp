// SPDX-License-Identifier: Apache-2.0
// What an extension asks of the Telemetry API, or of its predecessor, the Logs API (developer guide, "Telemetry API
// reference" and "Logs API reference").
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "runtime-api/server/invocation_source.hpp"

namespace kiln {

enum class TelemetryApi : std::uint8_t { telemetry, logs };

/// The schemas in use, in the order they came. They decide which events a subscriber gets and how those are written.
enum class TelemetrySchema : std::uint8_t {
  logs_2020_08_15,
  logs_2021_03_18,       ///< has platform.runtimeDone
  telemetry_2022_07_01,  ///< has the init phase, metrics and spans
  telemetry_2022_12_13,  ///< lines that are JSON objects come as objects, where the function's log format is JSON
  telemetry_2025_01_29,
};
constexpr bool is_logs_api(TelemetrySchema schema) { return schema <= TelemetrySchema::logs_2021_03_18; }

struct TelemetryTypes {
  bool platform = false;
  bool function = false;
  bool extension = false;
  friend bool operator==(const TelemetryTypes&, const TelemetryTypes&) = default;
};
/// "platform,function": the types in their fixed order.
std::string to_string(const TelemetryTypes& types);

/// Always inside the instance: 127.0.0.1 as its processes see it.
struct TelemetryDestination {
  enum class Protocol : std::uint8_t { http, tcp };
  Protocol protocol = Protocol::http;
  std::uint16_t port = 0;
  std::string method = "POST";  ///< or "PUT", which the Logs API offers
  std::string host;             ///< for the header Host: as in the URI, with the port
  std::string path = "/";       ///< with its query
};

/// A batch is sent when any of these is reached. What is not given has the default.
struct TelemetryBuffering {
  std::size_t max_items = 10'000;           ///< 1,000 to 10,000
  std::size_t max_bytes = 262'144;          ///< 262,144 to 1,048,576
  std::chrono::milliseconds timeout{1000};  ///< 25 to 30,000
};

struct TelemetrySubscription {
  TelemetrySchema schema = TelemetrySchema::telemetry_2022_07_01;
  TelemetryTypes types;
  TelemetryDestination destination;
  TelemetryBuffering buffering;
};

/// Reads the body of a subscription request. What is wrong with it is told as a 400 of the API's own error type, all of it
/// at once.
std::variant<TelemetrySubscription, ApiError> parse_telemetry_subscription(std::string_view body, TelemetryApi api);

}  // namespace kiln
