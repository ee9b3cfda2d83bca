// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/invocation_api.hpp"

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln {
namespace {

/// The name in `path`, where it is `base`, a slash, a name without one, and `suffix`; else empty.
std::string_view name_between(std::string_view path, std::string_view base, std::string_view suffix) {
  if (!path.starts_with(base) || !path.ends_with(suffix) || path.size() <= base.size() + 1 + suffix.size()) return {};
  const auto name = path.substr(base.size() + 1, path.size() - base.size() - 1 - suffix.size());
  return path[base.size()] == '/' && name.find('/') == std::string_view::npos ? name : std::string_view();
}

std::string_view buffered_name(std::string_view path) {
  return name_between(path, routes::functions, routes::invocations);
}
std::string_view streaming_name(std::string_view path) {
  return name_between(path, routes::streaming_functions, routes::streaming_invocations);
}

}  // namespace

bool InvocationApi::owns(std::string_view path) {
  return !buffered_name(path).empty() || !streaming_name(path).empty();
}

Task<void> InvocationApi::invoke(http::Connection& connection) {
  const std::string_view path = connection.request().path();
  if (const auto name = buffered_name(path); !name.empty()) return invoke_buffered(connection, name);
  return invoke_streaming(connection, streaming_name(path));
}

// --- answers -----------------------------------------------------------------------------------------------------------

Task<void> InvocationApi::send(http::Connection& connection, const http::ApiResponse& answer,
                               std::string_view request_id) {
  if (draining_) connection.close_after_answer();
  connection.begin_answer(answer.status, answer.content_type);
  connection.add_field(headers::amzn_request_id, request_id.empty() ? std::string_view(random_uuid()) : request_id);
  for (const auto& [name, value] : answer.fields) connection.add_field(name, value);
  co_await connection.respond(answer.body);
}

Task<void> InvocationApi::refuse(http::Connection& connection, const ServiceError& error, std::string_view request_id) {
  if (error.status < 500) parts_.metrics.bad_requests.add();
  const http::ApiResponse answer = error_answer(error);
  co_await send(connection, answer, request_id);
}

Task<void> InvocationApi::refuse_body(http::Connection& connection, http::BodyStatus status, std::size_t limit,
                                      std::string_view operation) {
  ServiceError error{400, "InvalidRequestContentException",
                     "The request's body ended early or is not framed as HTTP asks."};
  if (status == http::BodyStatus::too_large) {
    error = {413, "RequestEntityTooLargeException",
             "Request must be smaller than " + std::to_string(limit) + " bytes for the " + std::string(operation) +
                 " operation"};
  } else {
    connection.close_after_answer();
  }
  co_await refuse(connection, error);
}

Task<void> InvocationApi::refuse_throttled(http::Connection& connection, const Throttled& throttled,
                                           std::string_view request_id) {
  // The service's own text first: clients look for it.
  std::string body = R"({"Reason":")" + throttled.reason + R"(","Type":"User","message":)";
  append_json_string(body, throttled.cause.empty() ? "Rate Exceeded." : "Rate Exceeded. " + throttled.cause);
  http::ApiResponse answer = json_answer(429, body + "}");
  answer.fields.emplace_back(headers::amzn_error_type, "TooManyRequestsException");
  answer.fields.emplace_back(headers::retry_after, std::to_string(throttled.retry_after_s));
  co_await send(connection, answer, request_id);
}

}  // namespace kiln
