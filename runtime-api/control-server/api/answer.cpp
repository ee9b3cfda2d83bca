// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/answer.hpp"

#include <cerrno>
#include <system_error>

#include "runtime-api/control-server/catalog/database.hpp"
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

http::ApiResponse platform_error_answer(const std::exception& error) {
  const ServiceError full{507, "InsufficientStorageException", "This server has no room left on its disk."};
  if (const auto* system = dynamic_cast<const std::system_error*>(&error)) {
    const int code = system->code().value();
    if (system->code().category() == std::generic_category() && (code == ENOSPC || code == EDQUOT || code == EFBIG)) {
      return error_answer(full);
    }
  }
  if (const auto* database = dynamic_cast<const DatabaseError*>(&error)) {
    const int code = database->code & 0xFF;  // without SQLite's extension
    if (code == SQLITE_FULL) return error_answer(full);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
      return error_answer({503, "ServiceUnavailableException", "The catalog is locked by another process. Try again."});
    }
  }
  return error_answer({500, "ServiceException", "The server failed; its log says why."});
}

http::ApiResponse json_answer(int status, std::string body) {
  http::ApiResponse out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

}  // namespace kiln
