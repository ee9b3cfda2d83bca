// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/instance_telemetry.hpp"

#include <string>
#include <utility>
#include <variant>

#include "runtime-api/control-server/telemetry/telemetry_feed.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

std::string_view events_of(const Extension& extension) {
  if (extension.wants_invoke) return extension.wants_shutdown ? "INVOKE,SHUTDOWN" : "INVOKE";
  return extension.wants_shutdown ? "SHUTDOWN" : "";
}

std::string_view status_of(const FunctionError* error) { return error ? telemetry_status(*error) : std::string_view(); }
std::string_view type_of(const FunctionError* error) { return error ? std::string_view(error->type) : ""; }

}  // namespace

std::string_view telemetry_status(const FunctionError& error) {
  if (error.type == error_types::timed_out) return "timeout";
  return error.type == error_types::sandbox_failure ? "failure" : "error";
}

void InstanceTelemetry::runtime_initialized(const FunctionError* error, InitKind kind) {
  log_.init_runtime_done({status_of(error), type_of(error), kind});
}

void InstanceTelemetry::restored(std::chrono::nanoseconds duration, const FunctionError* error) {
  log_.restore_runtime_done({status_of(error), type_of(error)});
  log_.restore_report({duration, status_of(error), type_of(error)});
}

void InstanceTelemetry::init_over(const FunctionError* error, InitKind kind) {
  for (const Extension* const extension : extensions_.extensions()) {
    log_.extension({extension->name, state_name(extension->state), events_of(*extension), extension->error_type});
  }
  log_.init_report({Deadline::Clock::now() - launched_.executed_at(), status_of(error), type_of(error), kind});
  if (TelemetryFeed* const feed = log_.telemetry()) feed->close_subscription();
}

void InstanceTelemetry::runtime_done(const Invocation& invocation, const InvocationResult& result,
                                     const CallTrace& trace, Deadline::Clock::time_point begun,
                                     std::chrono::nanoseconds duration) {
  if (!log_.wants_runtime_done()) return;
  RuntimeDone done;
  done.request_id = invocation.request_id;
  done.trace_id = invocation.trace_id;
  done.duration = duration;
  if (const auto* const error = std::get_if<FunctionError>(&result)) {
    done.status = telemetry_status(*error);
    done.error_type = error->type;
  } else {
    done.produced_bytes = trace.streamed_bytes + std::get<Success>(result).body.size();
    if (trace.response_begun != Deadline::Clock::time_point()) {
      done.response_latency = trace.response_begun - begun;
      done.response_duration = duration - *done.response_latency;
    }
  }
  log_.runtime_done(done);
}

void InstanceTelemetry::hurry() {
  if (TelemetryFeed* const feed = log_.telemetry()) feed->hurry();
}

bool InstanceTelemetry::has_unsent() const {
  const TelemetryFeed* const feed = log_.telemetry();
  return feed && !feed->idle();
}

Task<void> InstanceTelemetry::drain(Deadline deadline) { return log_.telemetry()->drain(deadline); }

bool InstanceTelemetry::subscription_closed() const {
  const TelemetryFeed* const feed = log_.telemetry();
  return !feed || feed->subscription_closed();
}

std::optional<ApiError> InstanceTelemetry::subscribe(const Extension& extension, TelemetrySubscription subscription) {
  TelemetryFeed& feed = *log_.telemetry();
  const bool by_logs_api = is_logs_api(subscription.schema);
  const auto before = feed.subscribed_by(extension.name);
  if (before && (*before == TelemetryApi::logs) != by_logs_api) {
    const std::string_view type =
        by_logs_api ? error_types::logs_validation_error : error_types::telemetry_validation_error;
    const std::string other = by_logs_api ? "Telemetry" : "Logs";
    return ApiError{400, std::string(type), "the extension has subscribed by the " + other + " API already"};
  }
  const std::string types = to_string(subscription.types);
  feed.subscribe(extension.name, std::move(subscription), launched_.loopback());
  log_.subscribed({extension.name, types, by_logs_api});
  return std::nullopt;
}

}  // namespace kiln
