// SPDX-License-Identifier: Apache-2.0
// Plain HTTP: the request becomes an event of payload format 2.0, the result an HTTP answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime-api/control-server/api/http_event.hpp"
#include "runtime-api/control-server/api/http_stream.hpp"
#include "runtime-api/control-server/api/invocation_api.hpp"
#include "runtime-api/control-server/api/trace_context.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

std::string peer_address(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (peer.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr, text, sizeof text);
  } else if (peer.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, text, sizeof text);
  }
  return text;
}

/// The port the client has connected to.
std::string local_port(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) return {};
  if (local.ss_family == AF_INET6)
    return std::to_string(ntohs(reinterpret_cast<const sockaddr_in6*>(&local)->sin6_port));
  if (local.ss_family == AF_INET) return std::to_string(ntohs(reinterpret_cast<const sockaddr_in*>(&local)->sin_port));
  return {};
}

}  // namespace

Task<void> InvocationApi::call(http::Connection& connection, std::shared_ptr<FunctionPool> pool, HttpRoute route) {
  http::ApiRequest request;
  {
    const http::RequestHead& head = connection.request();
    request.method = head.method_text();
    request.path = head.path();
    request.query = head.query();
    for (const auto& [name, value] : head.fields()) request.fields.emplace_back(name, value);
  }
  HttpEventContext context;
  context.request_id = random_uuid();
  context.api_id = std::move(route.api_id);
  context.route_key = std::move(route.route_key);
  context.source_ip = peer_address(connection.fd());
  context.account_id = parts_.account.account_id;
  context.time = std::chrono::system_clock::now();
  context.path_parameters = std::move(route.path_parameters);
  context.port = local_port(connection.fd());
  context.trace_id = std::string(request.field(headers::amzn_trace_id).value_or(""));
  if (context.trace_id.empty()) context.trace_id = new_trace_id(context.time);

  const auto status = co_await connection.read_body(request.body, limits::max_request_payload);
  if (status != http::BodyStatus::complete) {
    co_return co_await refuse_body(connection, status, limits::max_request_payload, "InvokeFunction");
  }
  Invocation invocation;
  invocation.request_id = context.request_id;
  invocation.payload = http_event(request, context);
  invocation.function_arn = pool->configuration().arn;
  invocation.trace_id = context.trace_id;
  const TraceContext trace{request.field(headers::traceparent).value_or(""),
                           request.field(headers::tracestate).value_or(""),
                           request.field(headers::baggage).value_or("")};
  invocation.client_context = with_trace_context({}, trace);
  HttpStream stream(connection, invocation.request_id);
  const FunctionPool::CallOptions options{false, &stream};
  auto outcome = co_await pool->invoke(invocation, options);
  if (const auto* const throttled = std::get_if<Throttled>(&outcome)) {
    co_return co_await refuse_throttled(connection, *throttled, invocation.request_id);
  }
  const auto& done = std::get<InvocationAnswer>(outcome);
  if (stream.begun()) co_return co_await stream.finish(done.result);
  http::ApiResponse answer = http_answer(done.result);
  std::string timing;
  append_server_timing(timing, done.times);
  answer.fields.emplace_back(headers::server_timing, timing);
  co_await send(connection, answer, invocation.request_id);
}

}  // namespace kiln
