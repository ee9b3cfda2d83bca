// SPDX-License-Identifier: Apache-2.0
// The routes of the Runtime API, one file each. Each answers the request that `call.connection` holds.
#pragma once

#include <string_view>

#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/invocation_source.hpp"
#include "runtime-api/server/runtime_api.hpp"
#include "runtime-api/server/telemetry_subscription.hpp"

namespace kiln::runtime_routes {

struct RuntimeCall {
  http::Connection& connection;
  InvocationSource& source;
  const RuntimeApiOptions& options;
};

Task<void> next(RuntimeCall call);
/// `request_id` is a view into the request's path.
Task<void> response(RuntimeCall call, std::string_view request_id);
Task<void> error(RuntimeCall call, std::string_view request_id);
Task<void> init_error(RuntimeCall call);
Task<void> init_ready(RuntimeCall call);
// Only where `call.options.restore` is set.
Task<void> restore_next(RuntimeCall call);
Task<void> restore_error(RuntimeCall call);
// Only where `call.options.metadata` is set.
Task<void> metadata(RuntimeCall call);
// Only where `call.options.extensions` is set.
Task<void> extension_register(RuntimeCall call);
Task<void> extension_next(RuntimeCall call);
Task<void> extension_init_error(RuntimeCall call);
Task<void> extension_exit_error(RuntimeCall call);
// Only where `call.options.telemetry` is set too.
Task<void> telemetry(RuntimeCall call, TelemetryApi api);

// What several routes say.
Task<void> accept(RuntimeCall call);
Task<void> refuse(RuntimeCall call, ApiError error);
/// The answer to a body that could not be read; closes where the framing is lost.
Task<void> refuse_body(RuntimeCall call, http::BodyStatus status, std::size_t limit);
/// The answer to a post whose invocation ended while its body came in.
Task<void> refuse_late(RuntimeCall call, std::string_view request_id);
/// How the body of an init or restore error came in.
using PhaseErrorBody = http::BodyStatus;
/// Reads it as what the invoker sees; `what` stands in for one that is empty or cannot be read.
Task<PhaseErrorBody> read_phase_error(RuntimeCall call, FunctionError& error, std::string_view what);
Task<void> answer_phase_error(RuntimeCall call, PhaseErrorBody body);
/// Passes on the memory figure that our own bootstraps send beside an answer.
void take_memory_figure(RuntimeCall call);
/// Error-Type as the platform keeps it: (Runtime|Function).[A-Z][a-zA-Z]+, else one of the Unknowns.
std::string checked_error_type(std::string_view header);

}  // namespace kiln::runtime_routes
