// SPDX-License-Identifier: Apache-2.0
// The HTTP face of one instance: serves the Runtime API on a connection of that instance. The whole API is one screen in
// runtime_api.cpp; each route has a file of its own in routes/.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/invocation_source.hpp"

namespace kiln {

/// Limits for connections of runtimes: no idle limit (a poll is long), and room for an X-Ray error cause in the head.
http::ConnectionOptions runtime_connection_options();

class ExtensionRegistry;
class TelemetrySource;

/// What the metadata endpoint tells.
struct InstanceMetadata {
  std::string token;                 ///< AWS_LAMBDA_METADATA_TOKEN; whoever asks must have it
  std::string availability_zone_id;  ///< "use1-az1"; empty where nobody knows, which is answered 503
};

/// What a connection may do. What is null is not served (404).
struct RuntimeApiOptions {
  /// Send a 202 in one write with the next event where the runtime has polled already. Only for connections that our own
  /// bootstrap inherited: it never waits for the 202 alone.
  bool hold_accepted = false;
  /// The routes of the runtime itself. Not where a runtime has another way in: nobody else is to take its events.
  bool runtime = true;
  /// `restore/next` and `restore/error`: only where the instance was started to be snapshotted.
  bool restore = false;
  const InstanceMetadata* metadata = nullptr;
  /// The Extensions API.
  ExtensionRegistry* extensions = nullptr;
  /// The Telemetry API and the Logs API; they need the Extensions API.
  TelemetrySource* telemetry = nullptr;
};

/// Serves requests until the connection ends. `source` and `options` must outlive the task; closing the connection ends it.
Task<void> serve_runtime_api(http::Connection& connection, InvocationSource& source, const RuntimeApiOptions& options);

}  // namespace kiln
