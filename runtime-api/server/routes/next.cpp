// SPDX-License-Identifier: Apache-2.0
// GET /runtime/invocation/next: parks until there is an event. The head is written field by field as the developer guide
// lists them; empty ones are left out.
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {
namespace {

Task<void> send_event(http::Connection& connection, const Invocation& invocation) {
  const auto add_unless_empty = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) connection.add_field(name, value);
  };
  connection.begin_answer(200, invocation.content_type);
  connection.add_field(headers::request_id, invocation.request_id);
  connection.add_field(headers::deadline_ms, invocation.deadline.to_epoch_ms());
  add_unless_empty(headers::invocation_id, invocation.invocation_id);
  add_unless_empty(headers::function_arn, invocation.function_arn);
  add_unless_empty(headers::trace_id, invocation.trace_id);
  add_unless_empty(headers::client_context, invocation.client_context);
  add_unless_empty(headers::cognito_identity, invocation.cognito_identity);
  add_unless_empty(headers::tenant_id, invocation.tenant_id);
  co_await connection.respond(invocation.payload);
}

}  // namespace

Task<void> next(RuntimeCall call) {
  http::Connection& connection = call.connection;
  Poll poll;
  call.source.next(poll);
  if (!poll.outcome.is_set()) {
    connection.shrink();
    // Nobody reads while the poll is parked, so a runtime that disappears must be noticed another way.
    connection.watch_peer([&] {
      call.source.abandon(poll);
      poll.outcome.set(Poll::Gone{});
    });
  }
  const Poll::Outcome outcome = co_await poll.outcome;
  connection.watch_peer(nullptr);
  if (const auto* const invocation = std::get_if<const Invocation*>(&outcome)) {
    co_await send_event(connection, **invocation);
  } else if (const auto* const refused = std::get_if<ApiError>(&outcome)) {
    co_await refuse(call, *refused);
  } else {
    connection.close();
  }
}

}  // namespace kiln::runtime_routes
