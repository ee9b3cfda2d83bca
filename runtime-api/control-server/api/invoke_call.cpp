// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/invoke_call.hpp"

#include <algorithm>

#include "runtime-api/control-server/api/json_check.hpp"
#include "runtime-api/control-server/api/trace_context.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/http/message.hpp"

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

}  // namespace

ServiceError invalid_content(std::string message) {
  return {400, "InvalidRequestContentException", std::move(message)};
}

Result<FunctionReference> invoked_function(std::string_view encoded_name, std::string_view query,
                                           const AccountSettings& account) {
  if (query.empty() && is_plain_name(encoded_name)) return FunctionReference{std::string(encoded_name), {}};
  std::string qualifier;
  for (const auto& [name, value] : http::parse_query(query)) {
    if (name == "Qualifier") qualifier = value;
  }
  const auto text = http::percent_decode(encoded_name);
  return parse_function_name(text ? *text : std::string(encoded_name), qualifier, NameRules::invoke, account);
}

std::optional<ServiceError> read_invoke_fields(const http::RequestHead& request, Invocation& invocation) {
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
  if (const auto parent = request.field(headers::traceparent)) {
    const TraceContext trace{*parent, request.field(headers::tracestate).value_or(""),
                             request.field(headers::baggage).value_or("")};
    invocation.client_context = with_trace_context(std::move(invocation.client_context), trace);
  }
  if (const auto tenant = request.field(headers::amz_tenant_id)) {
    if (!is_tenant_id(*tenant))
      return ServiceError{400, "InvalidParameterValueException",
                          "The tenant id has a character that is not allowed or is longer than 256."};
    invocation.tenant_id = *tenant;
  }
  return std::nullopt;
}

}  // namespace kiln
