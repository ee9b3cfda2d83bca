// SPDX-License-Identifier: Apache-2.0
// POST /runtime/invocation/{id}/response: taken in whole, or passed on in parts where runtime and invoker both can.
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {
namespace {

constexpr std::string_view streaming = "streaming";

FunctionError platform_error(std::string_view type, std::string_view message) {
  return {std::string(type), platform_error_body(type, message)};
}

/// The error that a chunked body has at its end, where the handler failed after it had begun to answer. Clients declare
/// these trailers with every post, and send them where there is an error (contract, sections 1.1 and 9.2).
std::optional<FunctionError> error_in_trailers(const http::Connection& connection) {
  std::string_view type;
  std::string_view body;
  for (const auto& [name, value] : connection.trailers()) {
    if (http::same_name(name, headers::error_type)) type = value;
    if (http::same_name(name, headers::error_body)) body = value;
  }
  if (type.empty() && body.empty()) return std::nullopt;
  FunctionError error;
  error.type = checked_error_type(type);
  const auto decoded = base64_decode(body);
  error.body =
      decoded && !decoded->empty() ? *decoded : platform_error_body(error.type, "The response ended in an error");
  return error;
}

/// What an invocation comes to whose response body ended with `status`.
InvocationResult outcome(const http::Connection& connection, http::BodyStatus status, Success success) {
  if (status == http::BodyStatus::complete) {
    if (auto error = error_in_trailers(connection)) return std::move(*error);
    return success;
  }
  if (status == http::BodyStatus::too_large) {
    return platform_error(error_types::response_size_too_large,
                          "Response payload size exceeded maximum allowed payload size (" +
                              std::to_string(limits::max_response_payload) + " bytes).");
  }
  return platform_error(error_types::truncated_response, "The response was cut short");
}

/// Tells the invocation what it came to, and the runtime that this was heard.
Task<void> conclude(RuntimeCall call, std::string_view request_id, http::BodyStatus status, Success success) {
  const bool taken = call.source.complete(request_id, outcome(call.connection, status, std::move(success)));
  if (status != http::BodyStatus::complete) {
    co_await refuse_body(call, status, limits::max_response_payload);
  } else if (taken) {
    co_await accept(call);
  } else {
    co_await refuse_late(call, request_id);
  }
}

/// Hands on each part as it comes. Where the invocation ends meanwhile, the rest is read for nobody.
Task<void> pass_on(RuntimeCall call, std::string_view request_id, const ResponseHead& head) {
  http::Connection& connection = call.connection;
  std::shared_ptr<ResponseStream> stream;
  auto status = http::BodyStatus::complete;
  for (bool wanted = true; wanted;) {
    const http::BodyPart part = co_await connection.read_body_part();
    status = part.status;
    if (status != http::BodyStatus::complete) break;
    if (!stream) stream = call.source.open_stream(request_id, head);
    if (!stream || part.bytes.empty()) break;
    wanted = co_await stream->write(part.bytes);
  }
  if (status == http::BodyStatus::complete) co_await connection.discard_body();
  Success success;
  success.content_type = head.content_type;
  co_await conclude(call, request_id, status, std::move(success));
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
  if (!mode.empty() && mode != streaming) {
    call.source.complete(request_id,
                         platform_error(error_types::invalid_response_mode_header, "Invalid function response mode"));
    ApiError bad_mode{400, std::string(error_types::invalid_response_mode), "Invalid function response mode"};
    co_await refuse(call, std::move(bad_mode));
    co_return;
  }
  take_memory_figure(call);
  ResponseHead head;
  head.streaming = mode == streaming;
  if (const auto type = request.field("Content-Type")) head.content_type = *type;
  // Go's client streams without saying so: every post of its is chunked.
  if ((head.streaming || request.chunked()) && call.source.takes_parts(request_id, head)) {
    co_return co_await pass_on(call, request_id, head);
  }
  Success success;
  success.content_type = std::move(head.content_type);
  const auto status = co_await connection.read_body(success.body, limits::max_response_payload);
  co_await conclude(call, request_id, status, std::move(success));
}

}  // namespace kiln::runtime_routes
