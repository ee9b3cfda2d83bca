// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/answer.hpp"

#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

/// The real service writes the text under "Message" for these and under "message" for all others.
bool capital_message(std::string_view type) {
  return type == "ResourceNotFoundException" || type == "AccessDeniedException" || type == "UnknownOperationException";
}

/// These carry no "Type" in the real service.
bool without_type(std::string_view type) {
  return type == "ValidationException" || type == "RequestEntityTooLargeException" ||
         type == "SerializationException" || type == "AccessDeniedException" || type == "UnknownOperationException";
}

}  // namespace

http::ApiResponse error_answer(const ServiceError& error) {
  std::string body = "{";
  if (!without_type(error.type)) body += error.status >= 500 ? R"("Type":"Service",)" : R"("Type":"User",)";
  body += capital_message(error.type) ? R"("Message":)" : R"("message":)";
  if (error.message.empty()) {
    body += "null";
  } else {
    append_json_string(body, error.message);
  }
  if (!error.detail.empty()) {
    body += R"(,"Detail":)";
    append_json_string(body, error.detail);
  }
  body += "}";
  http::ApiResponse out = json_answer(error.status, std::move(body));
  out.fields.emplace_back(headers::amzn_error_type, error.type);
  return out;
}

http::ApiResponse json_answer(int status, std::string body) {
  http::ApiResponse out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

}  // namespace kiln
