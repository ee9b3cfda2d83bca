// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/event_stream_answer.hpp"

#include "runtime-api/control-server/api/event_stream.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln {
namespace {

/// Of a response that came in whole: small enough for the clients that hold a message in memory.
constexpr std::size_t largest_chunk = 262'144;

/// An error whose runtime gave it no type of the platform's is "Unhandled", as X-Amz-Function-Error has it.
std::string_view error_code(const FunctionError& error) {
  const bool known = error.type != error_types::runtime_unknown && error.type != error_types::function_unknown;
  return known ? std::string_view(error.type) : "Unhandled";
}

}  // namespace

void EventStreamAnswer::dispatched(const std::string& executed_version, const InvocationTimes& /*times*/) {
  executed_version_ = executed_version;
}

void EventStreamAnswer::begin(const ResponseHead& /*head*/) { start(); }

void EventStreamAnswer::start() {
  begun_ = true;
  connection_.begin_answer(200, "application/vnd.amazon.eventstream");
  connection_.add_field(headers::amzn_request_id, request_id_);
  connection_.add_field(headers::amz_executed_version, executed_version_);
  connection_.start_stream();
}

Task<bool> EventStreamAnswer::write(std::string_view part) {
  const EventMessage message("PayloadChunk", "application/octet-stream", part);
  co_return co_await connection_.send_chunk(message.front(), part, message.back());
}

Task<void> EventStreamAnswer::finish(const InvocationAnswer& answer) {
  if (executed_version_.empty()) executed_version_ = answer.executed_version;
  if (!begun_) start();
  const auto* const error = std::get_if<FunctionError>(&answer.result);
  std::string_view body = error ? std::string_view() : std::get<Success>(answer.result).body;
  while (!body.empty()) {
    const std::string_view part = body.substr(0, largest_chunk);
    body.remove_prefix(part.size());
    const bool sent = co_await write(part);
    if (!sent) co_return;
  }
  const std::string_view code = error ? error_code(*error) : std::string_view();
  const std::string_view details = error ? std::string_view(error->body) : std::string_view();
  const std::string log = base64_encode(answer.log_tail);
  const std::string complete = invoke_complete(code, details, log);
  const EventMessage message("InvokeComplete", "application/json", complete);
  const bool sent = co_await connection_.send_chunk(message.front(), complete, message.back());
  if (sent) co_await connection_.end_stream();
}

}  // namespace kiln
