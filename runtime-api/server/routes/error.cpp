// SPDX-License-Identifier: Apache-2.0
// POST /runtime/invocation/{id}/error. The invoker gets the posted body to the letter; the Error-Type header names it for
// logs and metrics only.
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

Task<void> error(RuntimeCall call, std::string_view request_id) {
  http::Connection& connection = call.connection;
  const auto& request = connection.request();
  const auto refused = call.source.begin_answer(InvocationSource::Answer::error, request_id,
                                                request.field(headers::invocation_id).value_or(""));
  if (refused) {
    co_await refuse(call, *refused);
    co_return;
  }
  take_memory_figure(call);
  FunctionError error;
  error.type = checked_error_type(request.field(headers::error_type).value_or(""));
  if (const auto type = request.field("Content-Type")) error.content_type = *type;
  if (const auto cause = request.field(headers::xray_error_cause))
    error.xray_cause = cause->substr(0, limits::max_xray_cause);
  const auto status = co_await connection.read_body(error.body, limits::max_response_payload);
  if (status == http::BodyStatus::complete) {
    const bool taken = call.source.complete(request_id, std::move(error));
    if (taken) {
      co_await accept(call);
    } else {
      co_await refuse_late(call, request_id);
    }
    co_return;
  }
  const std::string_view type =
      status == http::BodyStatus::too_large ? error_types::response_size_too_large : error_types::truncated_response;
  call.source.complete(request_id,
                       FunctionError{std::string(type), platform_error_body(type, "The error body could not be read")});
  co_await refuse_body(call, status, limits::max_response_payload);
}

}  // namespace kiln::runtime_routes
