// SPDX-License-Identifier: Apache-2.0
// POST /2015-03-31/functions/{name}/invocations, as the service model of Invoke has it; and the same at
// /2021-11-15/functions/{name}/response-streaming-invocations, answered as an event stream.
#include "runtime-api/control-server/api/event_stream_answer.hpp"
#include "runtime-api/control-server/api/invocation_api.hpp"
#include "runtime-api/control-server/api/invoke_call.hpp"
#include "runtime-api/control-server/api/json_check.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {

/// Everything in front of the call itself. Where the request is refused, or asks for no more than that, it is answered, and
/// there is no pool in `call`.
Task<void> InvocationApi::read_invoke(http::Connection& connection, std::string_view encoded_name, InvokeCall& call) {
  const http::RequestHead& request = connection.request();
  Invocation& invocation = call.invocation;
  if (request.method() != http::Method::post) {
    const ServiceError error{405, "MethodNotAllowedException", "Invoke is POST."};
    co_return co_await refuse(connection, error);
  }
  const auto named = invoked_function(encoded_name, request.query(), parts_.account);
  if (!named) co_return co_await refuse(connection, named.error());
  const std::string_view type = request.field(headers::amz_invocation_type).value_or("RequestResponse");
  call.log_tail = request.field(headers::amz_log_type) == std::string_view("Tail");

  if (const auto error = read_invoke_fields(request, invocation)) co_return co_await refuse(connection, *error);
  const auto status = co_await connection.read_body(invocation.payload, limits::max_request_payload);
  if (status != http::BodyStatus::complete) {
    co_return co_await refuse_body(connection, status, limits::max_request_payload, "InvokeFunction");
  }
  // Only $LATEST exists so far; any other qualifier names nothing.
  const auto pool = named->qualifier.empty() || named->qualifier == "$LATEST" ? parts_.find(named->name) : nullptr;
  if (!pool) {
    const auto error =
        function_not_found(parts_.account, named->name, named->qualifier.empty() ? "$LATEST" : named->qualifier);
    co_return co_await refuse(connection, error, invocation.request_id);
  }
  if (type != "RequestResponse" && type != "DryRun") {
    const ServiceError error{
        400, "InvalidParameterValueException",
        type == "Event" ? std::string("This server does not keep events for later; invoke with RequestResponse.")
                        : "Value '" + std::string(type) +
                              "' at 'invocationType' failed to satisfy constraint: "
                              "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"};
    co_return co_await refuse(connection, error, invocation.request_id);
  }
  if (invocation.payload.empty()) invocation.payload = "{}";
  if (const auto problem = json_problem(invocation.payload)) {
    const auto error =
        invalid_content("Could not parse request body into json: Could not parse payload into json: " + *problem);
    co_return co_await refuse(connection, error, invocation.request_id);
  }
  if (type == "DryRun") {
    const http::ApiResponse nothing{204, {}, {}, {}};
    co_return co_await send(connection, nothing, invocation.request_id);
  }
  invocation.function_arn = pool->configuration().arn;
  if (!named->qualifier.empty()) invocation.function_arn += ":" + named->qualifier;
  call.pool = pool;
}

Task<void> InvocationApi::invoke_buffered(http::Connection& connection, std::string_view encoded_name) {
  InvokeCall call;
  co_await read_invoke(connection, encoded_name, call);
  if (!call.pool) co_return;
  const Invocation& invocation = call.invocation;
  const FunctionPool::CallOptions options{call.log_tail, nullptr};
  auto answer = co_await call.pool->invoke(call.invocation, options);
  if (const auto* const throttled = std::get_if<Throttled>(&answer)) {
    co_return co_await refuse_throttled(connection, *throttled, invocation.request_id);
  }
  const auto& done = std::get<InvocationAnswer>(answer);
  const auto* const failure = std::get_if<FunctionError>(&done.result);
  if (failure && failure->type == error_types::code_corrupt) {
    // Nothing of the function ran, and nothing it could answer for.
    const ServiceError error{500, std::string(error_types::code_corrupt),
                             corrupt_code_text(call.pool->configuration().name)};
    co_return co_await refuse(connection, error, invocation.request_id);
  }
  if (draining_) connection.close_after_answer();
  connection.begin_answer(200, failure ? failure->content_type : std::get<Success>(done.result).content_type);
  connection.add_field(headers::amzn_request_id, invocation.request_id);
  connection.add_field(headers::amz_executed_version, done.executed_version);
  if (failure) connection.add_field(headers::amz_function_error, "Unhandled");
  if (options.log_tail) connection.add_field(headers::amz_log_result, base64_encode(done.log_tail));
  std::string timing;
  append_server_timing(timing, done.times);
  connection.add_field(headers::server_timing, timing);
  const std::string& body = failure ? failure->body : std::get<Success>(done.result).body;
  co_await connection.respond(body);
}

Task<void> InvocationApi::invoke_streaming(http::Connection& connection, std::string_view encoded_name) {
  InvokeCall call;
  call.event_stream = true;
  co_await read_invoke(connection, encoded_name, call);
  if (!call.pool) co_return;
  EventStreamAnswer stream(connection, call.invocation.request_id);
  const FunctionPool::CallOptions options{call.log_tail, &stream};
  const auto answer = co_await call.pool->invoke(call.invocation, options);
  if (draining_) connection.close_after_answer();
  if (const auto* const throttled = std::get_if<Throttled>(&answer)) {
    co_return co_await refuse_throttled(connection, *throttled, call.invocation.request_id);
  }
  co_await stream.finish(std::get<InvocationAnswer>(answer));
}

}  // namespace kiln
