// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/public_api.hpp"

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln {
namespace {

// The largest management request: a 50 MB zip as base64 and its frame (the real service's own figure).
constexpr std::size_t max_management_body = 70'167'211;
constexpr std::string_view function_views = "/kiln/v1/functions/";

/// The name in `path`, where it is `base`, a slash, a name without one, and `suffix`; else empty.
std::string_view name_between(std::string_view path, std::string_view base, std::string_view suffix) {
  if (!path.starts_with(base) || !path.ends_with(suffix) || path.size() <= base.size() + 1 + suffix.size()) return {};
  const auto name = path.substr(base.size() + 1, path.size() - base.size() - 1 - suffix.size());
  return path[base.size()] == '/' && name.find('/') == std::string_view::npos ? name : std::string_view();
}

http::ApiRequest whole_request(const http::RequestHead& head, std::string body) {
  http::ApiRequest request;
  request.method = head.method_text();
  request.path = head.path();
  request.query = head.query();
  for (const auto& [name, value] : head.fields()) request.fields.emplace_back(name, value);
  request.body = std::move(body);
  return request;
}

}  // namespace

Task<void> PublicApi::handle(http::Connection& connection) {
  const http::RequestHead& request = connection.request();
  const std::string_view path = request.path();
  if (draining_) {
    connection.close_after_answer();
    const ServiceError ending{503, "ServiceException", "The server is shutting down."};
    co_return co_await refuse(connection, ending);
  }
  if (const auto name = name_between(path, routes::functions, routes::invocations); !name.empty()) {
    co_return co_await invoke(connection, name);
  }
  if (const auto name = name_between(path, routes::streaming_functions, routes::streaming_invocations); !name.empty()) {
    co_return co_await invoke_streaming(connection, name);
  }
  if (path.starts_with(function_views))
    co_return co_await function_view(connection, path.substr(function_views.size()));
  if (ManagementApi::owns(path)) co_return co_await management(connection);
  co_await trigger(connection);
}

Task<void> PublicApi::management(http::Connection& connection) {
  std::string body;
  const auto status = co_await connection.read_body(body, max_management_body);
  if (status != http::BodyStatus::complete) {
    co_return co_await refuse_body(connection, status, max_management_body, "CreateFunction");
  }
  const http::ApiRequest request = whole_request(connection.request(), std::move(body));
  ManagementAnswer answer;
  bool failed = false;
  try {
    answer = co_await parts_.workers.run([&] { return parts_.management.handle(request); });
  } catch (const std::exception&) {
    failed = true;
    parts_.metrics.internal_errors.add();
    parts_.loop.report("management", std::current_exception());
  }
  if (failed) {
    const ServiceError error{500, "ServiceException", "The server could not carry this out; its log says why."};
    co_return co_await refuse(connection, error);
  }
  if (answer.change) {
    parts_.router.apply(*answer.change);
    if (!answer.change->deleted.empty()) {
      parts_.logs.forget(answer.change->deleted);
      parts_.metrics.remove(answer.change->deleted);
      wake_feeds();
    }
  }
  co_await send(connection, answer.response);
}

// --- answers -----------------------------------------------------------------------------------------------------------

Task<void> PublicApi::send(http::Connection& connection, const http::ApiResponse& answer, std::string_view request_id) {
  if (draining_) connection.close_after_answer();
  connection.begin_answer(answer.status, answer.content_type);
  connection.add_field(headers::amzn_request_id, request_id.empty() ? std::string_view(random_uuid()) : request_id);
  for (const auto& [name, value] : answer.fields) connection.add_field(name, value);
  co_await connection.respond(answer.body);
}

Task<void> PublicApi::refuse(http::Connection& connection, const ServiceError& error, std::string_view request_id) {
  if (error.status < 500) parts_.metrics.bad_requests.add();
  const http::ApiResponse answer = error_answer(error);
  co_await send(connection, answer, request_id);
}

Task<void> PublicApi::refuse_body(http::Connection& connection, http::BodyStatus status, std::size_t limit,
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

Task<void> PublicApi::refuse_throttled(http::Connection& connection, const Throttled& throttled,
                                       std::string_view request_id) {
  http::ApiResponse answer =
      json_answer(429, R"({"Reason":")" + throttled.reason + R"(","Type":"User","message":"Rate Exceeded."})");
  answer.fields.emplace_back(headers::amzn_error_type, "TooManyRequestsException");
  answer.fields.emplace_back(headers::retry_after, std::to_string(throttled.retry_after_s));
  co_await send(connection, answer, request_id);
}

}  // namespace kiln
