// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/standalone_api.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "runtime-api/control-server/api/trace_context.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/standalone/cloud_event.hpp"

namespace kiln::standalone {
namespace {

constexpr std::array<std::string_view, 8> probing_agents = {
    "kube-probe/",           "Knative-Activator-Probe", "Knative-Queue-Proxy-Probe",
    "Knative-Ingress-Probe", "Knative-Autoscaling-",    "GoogleHC/",
    "ELB-HealthChecker/",    "Consul Health Check"};

bool asks_whether_alive(std::string_view path) {
  return path == "/livez" || path == "/healthz" || path == "/health/liveness";
}

CloudEventMode mode_of(const http::RequestHead& request) {
  if (request.method() != http::Method::post) return CloudEventMode::none;
  return cloud_event_mode(request.field("Content-Type").value_or(""), request.field("ce-specversion").has_value());
}

}  // namespace

bool is_probe(const http::RequestHead& request) {
  if (request.method() != http::Method::get && request.method() != http::Method::head) return false;
  if (request.field("K-Network-Probe")) return true;
  const std::string_view agent = request.field("User-Agent").value_or("");
  return std::any_of(probing_agents.begin(), probing_agents.end(),
                     [&](std::string_view prefix) { return agent.starts_with(prefix); });
}

StandaloneApi::StandaloneApi(Metrics& metrics, const AccountSettings& account, std::shared_ptr<FunctionPool> pool)
    : pool_(std::move(pool)),
      invocations_({metrics, account, [this](std::string_view name) {
                      return name == "function" || name == pool_->configuration().name ? pool_ : nullptr;
                    }}) {}

Task<void> StandaloneApi::handle(http::Connection& connection) {
  const http::RequestHead& request = connection.request();
  if (draining()) connection.close_after_answer();
  if (is_probe(request)) {
    // A server that drains is as alive as before: to be started anew would cost it the calls that it still answers.
    const bool refuses = draining() && !asks_whether_alive(request.path());
    connection.begin_answer(refuses ? 503 : 200, "text/plain; charset=utf-8");
    if (const auto hash = request.field("K-Network-Hash")) connection.add_field("K-Network-Hash", *hash);
    const std::string_view body = refuses ? "draining\n" : "ok\n";
    co_await connection.respond(body);
    co_return;
  }
  if (InvocationApi::owns(request.path())) co_return co_await invocations_.invoke(connection);
  if (mode_of(request) != CloudEventMode::none) co_return co_await cloud_event_call(connection);
  HttpRoute route{pool_->configuration().name, "$default", {}};
  co_await invocations_.call(connection, pool_, std::move(route));
}

Task<void> StandaloneApi::cloud_event_call(http::Connection& connection) {
  http::ApiRequest request;
  const CloudEventMode mode = mode_of(connection.request());
  for (const auto& [name, value] : connection.request().fields()) request.fields.emplace_back(name, value);
  const auto status = co_await connection.read_body(request.body, limits::max_request_payload);
  if (status != http::BodyStatus::complete) {
    co_return co_await invocations_.refuse_body(connection, status, limits::max_request_payload, "InvokeFunction");
  }
  Invocation invocation;
  invocation.request_id = random_uuid();
  std::string problem;
  auto payload = cloud_event(request, mode, problem);
  if (!payload) {
    const int bad = mode == CloudEventMode::batch ? 415 : 400;
    const ServiceError error{bad, "InvalidRequestContentException", "Not a CloudEvent that can be taken: " + problem};
    co_return co_await invocations_.refuse(connection, error, invocation.request_id);
  }
  invocation.payload = std::move(*payload);
  invocation.function_arn = pool_->configuration().arn;
  invocation.trace_id = std::string(request.field(headers::amzn_trace_id).value_or(""));
  if (invocation.trace_id.empty()) invocation.trace_id = new_trace_id(std::chrono::system_clock::now());
  const TraceContext trace{request.field(headers::traceparent).value_or(""),
                           request.field(headers::tracestate).value_or(""),
                           request.field(headers::baggage).value_or("")};
  invocation.client_context = with_trace_context({}, trace);
  const FunctionPool::CallOptions options{false, nullptr};
  const auto outcome = co_await pool_->invoke(invocation, options);
  if (const auto* const throttled = std::get_if<Throttled>(&outcome)) {
    co_return co_await invocations_.refuse_throttled(connection, *throttled, invocation.request_id);
  }
  const http::ApiResponse answer = cloud_event_answer(std::get<InvocationAnswer>(outcome).result);
  co_await invocations_.send(connection, answer, invocation.request_id);
}

}  // namespace kiln::standalone
