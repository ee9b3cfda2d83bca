// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/public_api.hpp"

namespace kiln {
namespace {

// The largest management request: a 50 MB zip as base64 and its frame (the real service's own figure).
constexpr std::size_t max_management_body = 70'167'211;
constexpr std::string_view function_views = "/kiln/v1/functions/";

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

PublicApi::PublicApi(const Parts& parts)
    : parts_(parts), invocations_({parts.metrics, parts.account, [&router = parts.router](std::string_view name) {
                                     return router.find(name);
                                   }}) {}

Task<void> PublicApi::handle(http::Connection& connection) {
  const http::RequestHead& request = connection.request();
  const std::string_view path = request.path();
  if (draining()) {
    connection.close_after_answer();
    const ServiceError ending{503, "ServiceException", "The server is shutting down."};
    co_return co_await invocations_.refuse(connection, ending);
  }
  if (InvocationApi::owns(path)) co_return co_await invocations_.invoke(connection);
  if (path.starts_with(function_views))
    co_return co_await function_view(connection, path.substr(function_views.size()));
  if (ManagementApi::owns(path)) co_return co_await management(connection);
  co_await trigger(connection);
}

Task<void> PublicApi::management(http::Connection& connection) {
  std::string body;
  const auto status = co_await connection.read_body(body, max_management_body);
  if (status != http::BodyStatus::complete) {
    co_return co_await invocations_.refuse_body(connection, status, max_management_body, "CreateFunction");
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
    co_return co_await invocations_.refuse(connection, error);
  }
  if (answer.change) {
    parts_.router.apply(*answer.change);
    if (!answer.change->deleted.empty()) {
      parts_.logs.forget(answer.change->deleted);
      parts_.metrics.remove(answer.change->deleted);
      wake_feeds();
    }
  }
  co_await invocations_.send(connection, answer.response);
}

/// Any path that is no API: an HTTP trigger, or nothing.
Task<void> PublicApi::trigger(http::Connection& connection) {
  const http::RequestHead& request = connection.request();
  const auto match = parts_.router.triggers().find(request.method_text(), request.path());
  auto pool = match ? parts_.router.find(match->trigger->function_name) : nullptr;
  if (!pool) {
    parts_.metrics.bad_requests.add();
    const http::ApiResponse nothing{404, "application/json", {}, R"({"message":"Not Found"})"};
    co_return co_await invocations_.send(connection, nothing);
  }
  HttpRoute route{match->trigger->id, match->trigger->method + " " + match->trigger->path, match->path_parameters};
  co_await invocations_.call(connection, std::move(pool), std::move(route));
}

}  // namespace kiln
