// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/runtime_api.hpp"

#include <charconv>
#include <optional>
#include <string>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/protocol/routes.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln {
namespace runtime_routes {

Task<void> accept(RuntimeCall call) {
  static constexpr std::string_view body = "{\"status\":\"OK\"}\n";
  call.connection.begin_answer(202, "application/json");
  if (call.options.hold_accepted && !call.connection.closing() && call.connection.next_get_is_buffered()) {
    call.connection.respond_with_next(body);
    co_return;
  }
  co_await call.connection.respond(body);
}

Task<void> refuse(RuntimeCall call, ApiError error) {
  co_await call.connection.answer(error.status, "application/json", api_error_body(error.message, error.type));
}

Task<void> refuse_body(RuntimeCall call, http::BodyStatus status, std::size_t limit) {
  ApiError error{400, std::string(error_types::truncated_request), "HTTP request detected as truncated"};
  if (status == http::BodyStatus::too_large) {
    error = {413, std::string(error_types::request_entity_too_large),
             "Exceeded maximum allowed payload size (" + std::to_string(limit) + " bytes)."};
  } else {
    call.connection.close_after_answer();
  }
  co_await refuse(call, std::move(error));
}

Task<void> refuse_late(RuntimeCall call, std::string_view request_id) {
  ApiError error = call.source.refusal(request_id);
  co_await refuse(call, std::move(error));
}

Task<PhaseErrorBody> read_phase_error(RuntimeCall call, FunctionError& error, std::string_view what) {
  error.type = checked_error_type(call.connection.request().field(headers::error_type).value_or(""));
  const auto status = co_await call.connection.read_body(error.body, limits::max_control_body);
  if (status != http::BodyStatus::complete || error.body.empty()) error.body = platform_error_body(error.type, what);
  co_return status;
}

Task<void> answer_phase_error(RuntimeCall call, PhaseErrorBody body) {
  if (body == http::BodyStatus::complete) {
    co_await accept(call);
  } else {
    co_await refuse_body(call, body, limits::max_control_body);
  }
}

void take_memory_figure(RuntimeCall call) {
  const auto figure = call.connection.request().field(headers::max_rss_kib);
  if (!figure) return;
  long kib = 0;
  std::from_chars(figure->data(), figure->data() + figure->size(), kib);
  call.source.report_memory(kib);
}

std::string checked_error_type(std::string_view header) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (const std::string_view prefix : {std::string_view("Runtime."), std::string_view("Function.")}) {
    if (!header.starts_with(prefix)) continue;
    const std::string_view name = header.substr(prefix.size());
    bool good = name.size() >= 2 && name.front() >= 'A' && name.front() <= 'Z';
    for (const char c : name) good = good && is_letter(c);
    if (good) return std::string(header);
  }
  return std::string(header.starts_with("Function.") ? error_types::function_unknown : error_types::runtime_unknown);
}

namespace {

Task<void> not_found(RuntimeCall call) {
  co_await call.connection.answer(404, "text/plain; charset=utf-8", "404 page not found\n");
}

Task<void> wrong_method(RuntimeCall call, std::string_view allowed) {
  call.connection.begin_answer(405, {});
  call.connection.add_field("Allow", allowed);
  co_await call.connection.respond({});
}

Task<void> extension_route(RuntimeCall call, std::string_view path) {
  const bool get = call.connection.request().method() == http::Method::get;
  const bool post = call.connection.request().method() == http::Method::post;
  if (path == routes::extension_next) return get ? extension_next(call) : wrong_method(call, "GET");
  if (path == routes::extension_register) return post ? extension_register(call) : wrong_method(call, "POST");
  if (path == routes::extension_init_error) return post ? extension_init_error(call) : wrong_method(call, "POST");
  if (path == routes::extension_exit_error) return post ? extension_exit_error(call) : wrong_method(call, "POST");
  return not_found(call);
}

/// The routes of the runtime; nothing where the path is none of them.
std::optional<Task<void>> runtime_route(RuntimeCall call, std::string_view path) {
  const bool get = call.connection.request().method() == http::Method::get;
  const bool post = call.connection.request().method() == http::Method::post;
  if (path == routes::next) return get ? next(call) : wrong_method(call, "GET");
  if (path == routes::init_error) return post ? init_error(call) : wrong_method(call, "POST");
  if (path == routes::init_ready) return post ? init_ready(call) : wrong_method(call, "POST");
  if (call.options.restore) {
    if (path == routes::restore_next) return get ? restore_next(call) : wrong_method(call, "GET");
    if (path == routes::restore_error) return post ? restore_error(call) : wrong_method(call, "POST");
  }
  if (!path.starts_with(routes::invocation_prefix)) return std::nullopt;
  const std::string_view rest = path.substr(routes::invocation_prefix.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::string_view id = rest.substr(0, slash);
  const std::string_view verb = rest.substr(slash);
  if (verb == routes::response_suffix) return post ? response(call, id) : wrong_method(call, "POST");
  if (verb == routes::error_suffix) return post ? error(call, id) : wrong_method(call, "POST");
  return std::nullopt;
}

/// The whole API.
Task<void> route(RuntimeCall call) {
  const std::string_view path = call.connection.request().path();
  if (call.options.runtime) {
    if (auto found = runtime_route(call, path)) return std::move(*found);
  }
  if (path == routes::ping || path == routes::ping_2018) {
    const bool get = call.connection.request().method() == http::Method::get;
    return get ? [](RuntimeCall c) -> Task<void> { co_await c.connection.answer(200, "text/plain", "pong"); }(call)
               : wrong_method(call, "GET");
  }
  if (call.options.metadata && path == routes::metadata) {
    const bool get = call.connection.request().method() == http::Method::get;
    return get ? metadata(call) : wrong_method(call, "GET");
  }
  if (call.options.extensions && path.starts_with(routes::extension_prefix)) return extension_route(call, path);
  if (call.options.extensions && call.options.telemetry) {
    const bool put = call.connection.request().method() == http::Method::put;
    if (path == routes::telemetry || path == routes::telemetry_slash) {
      return put ? telemetry(call, TelemetryApi::telemetry) : wrong_method(call, "PUT");
    }
    if (path == routes::logs) return put ? telemetry(call, TelemetryApi::logs) : wrong_method(call, "PUT");
  }
  return not_found(call);
}

}  // namespace
}  // namespace runtime_routes

http::ConnectionOptions runtime_connection_options() {
  http::ConnectionOptions options;
  options.max_head = limits::max_xray_cause + 16'384;
  options.idle_timeout = std::chrono::milliseconds(0);
  options.stall_timeout = limits::stream_idle_timeout;
  return options;
}

Task<void> serve_runtime_api(http::Connection& connection, InvocationSource& source, const RuntimeApiOptions& options) {
  // No co_await within a condition: in a function without variables of its own, g++ 12 puts the condition's value in front
  // of the coroutine's frame, where the handle is looked for, and the coroutine is never started.
  for (;;) {
    const bool more = co_await connection.next_request();
    if (!more) co_return;
    const runtime_routes::RuntimeCall call{connection, source, options};
    co_await runtime_routes::route(call);
  }
}

}  // namespace kiln
