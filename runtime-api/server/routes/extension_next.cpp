// SPDX-License-Identifier: Apache-2.0
// GET /extension/event/next: parks until there is an event this extension subscribed to. The first one says that it is
// ready, each further one that it is done with the event before.
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/server/routes/extension_caller.hpp"

namespace kiln::runtime_routes {
namespace {

std::string event_head(std::string_view type, const Deadline& deadline) {
  return R"({"eventType":")" + std::string(type) + R"(","deadlineMs":)" + std::to_string(deadline.to_epoch_ms());
}

std::string invoke_event(const Invocation& invocation) {
  std::string out = event_head("INVOKE", invocation.deadline);
  out += R"(,"requestId":)";
  append_json_string(out, invocation.request_id);
  out += R"(,"invokedFunctionArn":)";
  append_json_string(out, invocation.function_arn);
  if (!invocation.trace_id.empty()) {
    out += R"(,"tracing":{"type":"X-Amzn-Trace-Id","value":)";
    append_json_string(out, invocation.trace_id);
    out += '}';
  }
  out += '}';
  return out;
}

std::string shutdown_event(const ShutdownEvent& event) {
  return event_head("SHUTDOWN", event.deadline) + R"(,"shutdownReason":")" + std::string(to_string(event.reason)) +
         R"("})";
}

}  // namespace

Task<void> extension_next(RuntimeCall call) {
  http::Connection& connection = call.connection;
  ExtensionRegistry& extensions = *call.options.extensions;
  auto caller = extension_identifier(connection.request());
  if (auto* const refused = std::get_if<ApiError>(&caller)) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  ExtensionPoll poll;
  extensions.next(std::get<std::string>(caller), poll);
  if (!poll.outcome.is_set()) {
    connection.shrink();
    // Nobody reads while the poll is parked, so an extension that disappears must be noticed another way.
    connection.watch_peer([&] {
      extensions.abandon(poll);
      poll.outcome.set(ExtensionPoll::Gone{});
    });
  }
  const ExtensionPoll::Outcome outcome = co_await poll.outcome;
  connection.watch_peer(nullptr);
  std::string body;
  if (const auto* const refused = std::get_if<ApiError>(&outcome)) {
    co_await refuse(call, *refused);
    co_return;
  }
  if (const auto* const invocation = std::get_if<const Invocation*>(&outcome)) {
    body = invoke_event(**invocation);
  } else if (const auto* const shutdown = std::get_if<ShutdownEvent>(&outcome)) {
    body = shutdown_event(*shutdown);
  } else {
    connection.close();
    co_return;
  }
  connection.begin_answer(200, "application/json");
  connection.add_field(headers::extension_event_identifier, extensions.new_identifier());
  co_await connection.respond(body);
}

}  // namespace kiln::runtime_routes
