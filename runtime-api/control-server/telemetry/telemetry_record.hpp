// SPDX-License-Identifier: Apache-2.0
// Log events as the JSON objects of the Telemetry API: {"time","type","record"}, with the members and in the order of the
// developer guide's "Telemetry API Event schema reference". Pure functions.
#pragma once

#include <string>

#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "runtime-api/server/telemetry_subscription.hpp"

namespace kiln {

/// Whether an event is of the types somebody asked for.
bool is_among(const TelemetryTypes& types, const LogEvent& event);

/// Whether the schema knows the event at all.
bool has_record(const LogEvent& event, TelemetrySchema schema);

/// Appends the event as one line of valid JSON, without a newline, whatever bytes the function has printed. Nothing where
/// the schema does not know it.
void append_record(std::string& out, const LogEvent& event, TelemetrySchema schema);

}  // namespace kiln
