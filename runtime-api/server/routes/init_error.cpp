// SPDX-License-Identifier: Apache-2.0
// POST /runtime/init/error: legal once, before the first poll. The body is what the first invoker sees.
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

Task<void> init_error(RuntimeCall call) {
  http::Connection& connection = call.connection;
  if (const auto refused = call.source.begin_init_error()) {
    co_await refuse(call, *refused);
    co_return;
  }
  FunctionError error;
  error.type = checked_error_type(connection.request().field(headers::error_type).value_or(""));
  const auto status = co_await connection.read_body(error.body, limits::max_control_body);
  if (status == http::BodyStatus::complete && !error.body.empty()) {
    call.source.complete_init_error(std::move(error));
    co_await accept(call);
    co_return;
  }
  error.body = platform_error_body(error.type, "The runtime failed to initialize and gave no details");
  call.source.complete_init_error(std::move(error));
  if (status == http::BodyStatus::complete) {
    co_await accept(call);
  } else {
    co_await refuse_body(call, status, limits::max_control_body);
  }
}

}  // namespace kiln::runtime_routes
