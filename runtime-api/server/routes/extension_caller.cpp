// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/routes/extension_caller.hpp"

#include <nlohmann/json.hpp>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::runtime_routes {
namespace {

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

/// errorMessage of `{"errorMessage", "errorType", "stackTrace"}`, for the log; empty where the body is something else.
std::string error_message(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object()) return {};
  const auto found = parsed.find("errorMessage");
  return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::variant<std::string, ApiError> extension_identifier(const http::RequestHead& request) {
  std::string identifier(request.field(headers::extension_identifier).value_or(""));
  for (char& c : identifier) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (identifier.empty()) {
    return ApiError{403, std::string(error_types::missing_extension_identifier),
                    "Missing Lambda-Extension-Identifier header"};
  }
  if (!is_uuid(identifier)) {
    return ApiError{403, std::string(error_types::invalid_extension_identifier), "Invalid Lambda-Extension-Identifier"};
  }
  return identifier;
}

std::variant<const Extension*, ApiError> calling_extension(RuntimeCall call) {
  auto identifier = extension_identifier(call.connection.request());
  if (auto* const refused = std::get_if<ApiError>(&identifier)) return std::move(*refused);
  const auto& id = std::get<std::string>(identifier);
  if (const Extension* const found = call.options.extensions->find(id)) return found;
  return ApiError{403, std::string(error_types::unknown_extension_identifier), "Unknown extension " + id};
}

Task<void> report_extension_error(RuntimeCall call, ExtensionRegistry::Report kind) {
  http::Connection& connection = call.connection;
  auto caller = extension_identifier(connection.request());
  if (auto* const refused = std::get_if<ApiError>(&caller)) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  const auto& identifier = std::get<std::string>(caller);
  const std::string error_type(connection.request().field(headers::extension_error_type).value_or(""));
  if (error_type.empty()) {
    ApiError missing{403, std::string(error_types::missing_extension_header),
                     std::string(headers::extension_error_type) + " not found"};
    co_await refuse(call, std::move(missing));
    co_return;
  }
  std::string body;
  const auto status = co_await connection.read_body(body, limits::max_control_body);
  if (status != http::BodyStatus::complete) {
    co_await refuse_body(call, status, limits::max_control_body);
    co_return;
  }
  const std::string message = error_message(body);
  auto refused = call.options.extensions->report(kind, identifier, error_type, message);
  if (refused) {
    co_await refuse(call, std::move(*refused));
  } else {
    co_await accept(call);
  }
}

}  // namespace kiln::runtime_routes
