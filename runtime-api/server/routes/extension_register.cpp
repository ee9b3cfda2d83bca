// SPDX-License-Identifier: Apache-2.0
// POST /extension/register: `{"events": ["INVOKE", "SHUTDOWN"]}`.
#include <nlohmann/json.hpp>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/routes/extension_caller.hpp"

namespace kiln::runtime_routes {
namespace {

using nlohmann::json;
using Events = std::vector<std::string>;

ApiError bad_format(std::string message) {
  return {403, std::string(error_types::invalid_request_format), std::move(message)};
}

/// The strings of a member; none where it is absent or null, nothing where it is anything but a list of strings.
std::optional<std::vector<std::string>> strings(const json& object, const char* name) {
  std::vector<std::string> out;
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return out;
  if (!member->is_array()) return std::nullopt;
  for (const json& element : *member) {
    if (!element.is_string()) return std::nullopt;
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::variant<Events, ApiError> parse_events(const std::string& body) {
  const json parsed = json::parse(body, nullptr, false);
  if (body.empty()) return bad_format("unexpected end of JSON input");
  if (!parsed.is_object()) return bad_format(R"(the body must be a JSON object: {"events":["INVOKE","SHUTDOWN"]})");
  auto events = strings(parsed, "events");
  if (!events) return bad_format("events must be a list of strings");
  const auto keys = strings(parsed, "configurationKeys");
  if (!keys) return bad_format("configurationKeys must be a list of strings");
  if (!keys->empty()) return bad_format("configurationKeys are deprecated; use environment variables instead");
  return std::move(*events);
}

/// Whether `wanted` is one of the comma-separated features that the caller accepts.
bool accepts(std::string_view features, std::string_view wanted) {
  while (!features.empty()) {
    const auto comma = features.find(',');
    std::string_view one = features.substr(0, comma);
    features.remove_prefix(comma == std::string_view::npos ? features.size() : comma + 1);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (one == wanted) return true;
  }
  return false;
}

std::string registration_body(const FunctionFacts& function, bool with_account) {
  std::string out = R"({"functionName":)";
  append_json_string(out, function.name);
  out += R"(,"functionVersion":)";
  append_json_string(out, function.version);
  out += R"(,"handler":)";
  append_json_string(out, function.handler);
  if (with_account && !function.account_id.empty()) {
    out += R"(,"accountId":)";
    append_json_string(out, function.account_id);
  }
  out += "}\n";
  return out;
}

}  // namespace

Task<void> extension_register(RuntimeCall call) {
  http::Connection& connection = call.connection;
  ExtensionRegistry& extensions = *call.options.extensions;
  const std::string name(connection.request().field(headers::extension_name).value_or(""));
  const bool with_account =
      accepts(connection.request().field(headers::extension_accept_feature).value_or(""), "accountId");
  std::string body;
  const auto status = co_await connection.read_body(body, limits::max_control_body);
  if (status != http::BodyStatus::complete) {
    co_await refuse_body(call, status, limits::max_control_body);
    co_return;
  }
  ExtensionRegistry::Registration registration{name, {}};
  // The name is checked in front of the body, as the emulator does.
  if (!name.empty()) {
    auto events = parse_events(body);
    if (auto* const refused = std::get_if<ApiError>(&events)) {
      co_await refuse(call, std::move(*refused));
      co_return;
    }
    registration.events = std::move(std::get<Events>(events));
  }
  ExtensionRegistry::Registered registered = extensions.register_extension(registration);
  if (auto* const refused = std::get_if<ApiError>(&registered)) {
    co_await refuse(call, std::move(*refused));
    co_return;
  }
  const std::string answer = registration_body(extensions.function(), with_account);
  connection.begin_answer(200, "application/json");
  connection.add_field(headers::extension_identifier, std::get<const Extension*>(registered)->identifier);
  co_await connection.respond(answer);
}

}  // namespace kiln::runtime_routes
