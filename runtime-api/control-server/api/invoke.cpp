// SPDX-License-Identifier: Apache-2.0
// POST /2015-03-31/functions/{name}/invocations, as the service model of Invoke has it.
#include <algorithm>

#include "runtime-api/control-server/api/json_check.hpp"
#include "runtime-api/control-server/api/public_api.hpp"
#include "runtime-api/control-server/catalog/encoding.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

bool is_tenant_id(std::string_view text) {
  return text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._:/=+-@ ").find(c) != std::string_view::npos;
         });
}

ServiceError invalid_content(std::string message) {
  return {400, "InvalidRequestContentException", std::move(message)};
}

/// Name and qualifier of the call. The plain name, which nearly every call has, needs no parser.
Result<FunctionReference> reference(std::string_view encoded_name, std::string_view query,
                                    const AccountSettings& account) {
  if (query.empty() && is_plain_name(encoded_name)) return FunctionReference{std::string(encoded_name), {}};
  std::string qualifier;
  for (const auto& [name, value] : http::parse_query(query)) {
    if (name == "Qualifier") qualifier = value;
  }
  const auto text = http::percent_decode(encoded_name);
  return parse_function_name(text ? *text : std::string(encoded_name), qualifier, NameRules::invoke, account);
}

/// Takes over what the request's fields say of the invocation. Nothing: all is well.
std::optional<ServiceError> read_fields(const http::RequestHead& request, Invocation& invocation) {
  if (const auto id = request.field(headers::amzn_request_id)) {
    if (!is_uuid(*id)) return invalid_content("x-amzn-RequestId must be a UUID");
    invocation.request_id = *id;
  } else {
    invocation.request_id = random_uuid();
  }
  if (const auto context = request.field(headers::amz_client_context)) {
    if (context->size() > limits::max_client_context) {
      return invalid_content("Client context must be no more than " + std::to_string(limits::max_client_context) +
                             " bytes when base64-encoded.");
    }
    auto decoded = base64_decode(*context);
    if (!decoded) return invalid_content("Client context must be base64-encoded JSON: it is not base64");
    if (const auto problem = json_problem(*decoded))
      return invalid_content("Client context must be a valid Base64-encoded JSON object: " + *problem);
    invocation.client_context = std::move(*decoded);
  }
  if (const auto trace = request.field(headers::amzn_trace_id)) invocation.trace_id = *trace;
  if (const auto tenant = request.field(headers::amz_tenant_id)) {
    if (!is_tenant_id(*tenant))
      return ServiceError{400, "InvalidParameterValueException",
                          "The tenant id has a character that is not allowed or is longer than 256."};
    invocation.tenant_id = *tenant;
  }
  return std::nullopt;
}

}  // namespace

Task<void> PublicApi::invoke(http::Connection& connection, std::string_view encoded_name) {
  const http::RequestHead& request = connection.request();
  if (request.method() != http::Method::post) {
    const ServiceError error{405, "MethodNotAllowedException", "Invoke is POST."};
    co_return co_await refuse(connection, error);
  }
  const auto named = reference(encoded_name, request.query(), parts_.account);
  if (!named) co_return co_await refuse(connection, named.error());
  const std::string_view type = request.field(headers::amz_invocation_type).value_or("RequestResponse");
  const std::string_view log_type = request.field(headers::amz_log_type).value_or("None");

  Invocation invocation;
  if (const auto error = read_fields(request, invocation)) co_return co_await refuse(connection, *error);
  const auto status = co_await connection.read_body(invocation.payload, limits::max_request_payload);
  if (status != http::BodyStatus::complete) {
    co_return co_await refuse_body(connection, status, limits::max_request_payload, "InvokeFunction");
  }
  // Only $LATEST exists so far; any other qualifier names nothing.
  const auto pool =
      named->qualifier.empty() || named->qualifier == "$LATEST" ? parts_.router.find(named->name) : nullptr;
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
  const FunctionPool::CallOptions options{log_type == "Tail"};
  auto answer = co_await pool->invoke(invocation, options);
  if (const auto* const throttled = std::get_if<Throttled>(&answer)) {
    co_return co_await refuse_throttled(connection, *throttled, invocation.request_id);
  }
  const auto& done = std::get<InvocationAnswer>(answer);
  const auto* const failure = std::get_if<FunctionError>(&done.result);
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

}  // namespace kiln
