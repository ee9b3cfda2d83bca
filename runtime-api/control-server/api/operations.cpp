// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/operations.hpp"

namespace kiln {

Task<void> OperationsApi::handle(http::Connection& connection) const {
  constexpr std::string_view text = "text/plain; charset=utf-8";
  const auto& request = connection.request();
  const bool reads = request.method() == http::Method::get || request.method() == http::Method::head;
  const std::string_view path = request.path();
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    co_await connection.answer(404, text, "not found: this listener has /healthz, /readyz and /metrics\n");
  } else if (!reads) {
    connection.begin_answer(405, text);
    connection.add_field("Allow", "GET, HEAD");
    co_await connection.respond("read with GET\n");
  } else if (path == "/metrics") {
    update_gauges_();
    const std::string body = metrics_.render(sample_process());
    co_await connection.answer(200, Metrics::content_type, body);
  } else if (path == "/readyz" && !ready_()) {
    co_await connection.answer(503, text, "draining\n");
  } else {
    co_await connection.answer(200, text, "ok\n");
  }
}

}  // namespace kiln
