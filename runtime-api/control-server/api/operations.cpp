// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/operations.hpp"

namespace kiln {
namespace {

/// What scaling is about: calls that run or wait, and instances that could take them.
struct Demand {
  std::int64_t in_flight = 0;
  std::int64_t queued = 0;
  std::int64_t starting = 0;
  std::int64_t idle = 0;
  std::int64_t busy = 0;

  void add(const FunctionMetrics& function) {
    in_flight += function.in_flight.value();
    queued += function.queued.value();
    starting += function.instances_in(InstanceGauge::starting).value();
    idle += function.instances_in(InstanceGauge::idle).value();
    busy += function.instances_in(InstanceGauge::busy).value();
  }
  std::string json() const {
    return R"({"demand":)" + std::to_string(in_flight + queued) + R"(,"in_flight":)" + std::to_string(in_flight) +
           R"(,"queued":)" + std::to_string(queued) + R"(,"instances":{"starting":)" + std::to_string(starting) +
           R"(,"idle":)" + std::to_string(idle) + R"(,"busy":)" + std::to_string(busy) + "}}\n";
  }
};

}  // namespace

Task<void> OperationsApi::scale(http::Connection& connection, std::string_view name) const {
  update_gauges_();
  Demand demand;
  const auto& functions = metrics_.functions();
  if (name.empty() || name == "/") {
    for (const auto& [_, function] : functions) demand.add(*function);
  } else {
    const auto found = functions.find(name.substr(1));
    if (found == functions.end()) {
      co_await connection.answer(404, "application/json", "{\"message\":\"no function of that name\"}\n");
      co_return;
    }
    demand.add(*found->second);
  }
  const std::string body = demand.json();
  co_await connection.answer(200, "application/json", body);
}

Task<void> OperationsApi::handle(http::Connection& connection) const {
  constexpr std::string_view text = "text/plain; charset=utf-8";
  const auto& request = connection.request();
  const bool reads = request.method() == http::Method::get || request.method() == http::Method::head;
  const std::string_view path = request.path();
  const bool asks_ready = path == "/readyz" || path == "/health/readiness";
  const bool asks_alive = path == "/healthz" || path == "/livez" || path == "/health/liveness";
  const bool asks_scale = path == "/scale" || path.starts_with("/scale/");
  if (!asks_ready && !asks_alive && !asks_scale && path != "/metrics") {
    co_await connection.answer(404, text,
                               "not found: this listener has /livez, /readyz, /metrics and /scale/FUNCTION\n");
  } else if (!reads) {
    connection.begin_answer(405, text);
    connection.add_field("Allow", "GET, HEAD");
    co_await connection.respond("read with GET\n");
  } else if (asks_scale) {
    co_await scale(connection, path.substr(std::string_view("/scale").size()));
  } else if (path == "/metrics") {
    update_gauges_();
    const std::string body = metrics_.render(sample_process());
    co_await connection.answer(200, Metrics::content_type, body);
  } else if (asks_ready && !ready_()) {
    co_await connection.answer(503, text, "draining\n");
  } else {
    co_await connection.answer(200, text, "ok\n");
  }
}

}  // namespace kiln
