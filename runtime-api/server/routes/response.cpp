// SPDX-License-Identifier: Apache-2.0
// POST /runtime/invocation/{id}/response.
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {
namespace {

FunctionError platform_error(std::string_view type, std::string_view message) {
  return {std::string(type), platform_error_body(type, message)};
}

}  // namespace

Task<void> response(RuntimeCall call, std::string_view request_id) {
  http::Connection& connection = call.connection;
  const auto& request = connection.request();
  const auto refused = call.source.begin_answer(InvocationSource::Answer::response, request_id,
                                                request.field(headers::invocation_id).value_or(""));
  if (refused) {
    co_await refuse(call, *refused);
    co_return;
  }
  const auto mode = request.field(headers::response_mode).value_or("");
  if (!mode.empty() && mode != "streaming") {
    call.source.complete(request_id,
                         platform_error(error_types::invalid_response_mode_header, "Invalid function response mode"));
    ApiError bad_mode{400, std::string(error_types::invalid_response_mode), "Invalid function response mode"};
    co_await refuse(call, std::move(bad_mode));
    co_return;
  }
  take_memory_figure(call);
  Success success;
  if (const auto type = request.field("Content-Type")) success.content_type = *type;
  const auto status = co_await connection.read_body(success.body, limits::max_response_payload);
  if (status == http::BodyStatus::complete) {
    const bool taken = call.source.complete(request_id, std::move(success));
    if (taken) {
      co_await accept(call);
    } else {
      co_await refuse_late(call);
    }
    co_return;
  }
  if (status == http::BodyStatus::too_large) {
    call.source.complete(request_id, platform_error(error_types::response_size_too_large,
                                                    "Response payload size exceeded maximum allowed payload size (" +
                                                        std::to_string(limits::max_response_payload) + " bytes)."));
  } else {
    call.source.complete(request_id, platform_error(error_types::truncated_response, "The response was cut short"));
  }
  co_await refuse_body(call, status, limits::max_response_payload);
}

}  // namespace kiln::runtime_routes
