// SPDX-License-Identifier: Apache-2.0
// The whole management API on one screen, and the way of a request to its operation.
#include <algorithm>
#include <mutex>

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/api/management_call.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"

namespace kiln {
namespace {

std::string_view without_trailing_slash(std::string_view path) {
  return path.size() > 1 && path.back() == '/' ? path.substr(0, path.size() - 1) : path;
}

/// The text that stands where the pattern has {}; an empty one where there is no {}; nothing where it does not match.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const std::size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) return path == pattern ? std::optional(std::string_view()) : std::nullopt;
  const std::string_view tail = pattern.substr(hole + 2);
  if (path.size() <= hole + tail.size() || path.substr(0, hole) != pattern.substr(0, hole) ||
      path.substr(path.size() - tail.size()) != tail) {
    return std::nullopt;
  }
  const std::string_view value = path.substr(hole, path.size() - hole - tail.size());
  return value.find('/') == std::string_view::npos ? std::optional(value) : std::nullopt;
}

/// "/2015-03-31/…": a dated API of the real service.
bool is_dated(std::string_view path) {
  constexpr std::string_view shape = "/0000-00-00/";
  if (path.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = path[i] >= '0' && path[i] <= '9';
    if (shape[i] == '0' ? !digit : path[i] != shape[i]) return false;
  }
  return true;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

struct ManagementApi::Routes {
  using Api = ManagementApi;
  static constexpr Route table[] = {
      {"POST", "/2015-03-31/functions", &Api::create},
      {"GET", "/2015-03-31/functions", &Api::list},
      {"GET", "/2015-03-31/functions/{}", &Api::get},
      {"DELETE", "/2015-03-31/functions/{}", &Api::remove},
      {"GET", "/2015-03-31/functions/{}/configuration", &Api::get_configuration},
      {"PUT", "/2015-03-31/functions/{}/configuration", &Api::update_configuration},
      {"PUT", "/2015-03-31/functions/{}/code", &Api::update_code},
      {"GET", "/2016-08-19/account-settings", &Api::account_settings},
      {"GET", "/kiln/v1/runtimes", &Api::get_runtimes},
      {"GET", "/kiln/v1/functions/{}/code", &Api::get_code},
      {"PUT", "/kiln/v1/triggers", &Api::put_trigger},
      {"GET", "/kiln/v1/triggers", &Api::list_triggers},
      {"DELETE", "/kiln/v1/triggers/{}", &Api::delete_trigger},
  };
};

ManagementApi::ManagementApi(Catalog& catalog, CodeStore& code, RuntimeList runtimes, AccountSettings account)
    : catalog_(catalog), code_(code), runtimes_(std::move(runtimes)), account_(std::move(account)) {}

bool ManagementApi::owns(std::string_view path) {
  path = without_trailing_slash(path);
  if (is_dated(path)) {
    return !ends_with(path, "/invocations") && !ends_with(path, "/response-streaming-invocations") &&
           !ends_with(path, "/invoke-async");
  }
  return std::any_of(std::begin(Routes::table), std::end(Routes::table),
                     [&](const Route& route) { return match(route.pattern, path).has_value(); });
}

ManagementAnswer ManagementApi::handle(const http::ApiRequest& request) {
  const std::string_view path = without_trailing_slash(request.path);
  std::string allowed;
  for (const Route& route : Routes::table) {
    const std::optional<std::string_view> value = match(route.pattern, path);
    if (!value) continue;
    if (route.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    std::optional<std::string> parameter = http::percent_decode(*value);
    if (!parameter) {
      return {error_answer({400, "SerializationException", "The path has a malformed percent escape"}), std::nullopt};
    }
    return (this->*route.operation)({request, std::move(*parameter), http::parse_query(request.query)});
  }
  if (allowed.empty()) {
    const std::string message = "There is no operation " + request.method + " " + request.path;
    return {error_answer({404, "UnknownOperationException", message}), std::nullopt};
  }
  ManagementAnswer out;
  out.response = error_answer({405, "MethodNotAllowedException", request.path + " takes " + allowed});
  out.response.fields.emplace_back("Allow", allowed);
  return out;
}

std::vector<CatalogChange> ManagementApi::everything() const {
  std::vector<CatalogChange> out;
  for (FunctionConfiguration& function : catalog_.all()) out.push_back(upserted({std::move(function), 0}));
  add_triggers(out.emplace_back());
  return out;
}

std::size_t ManagementApi::collect_code(const std::set<std::string>& still_running) {
  const std::unique_lock lock(code_lock_);
  std::set<std::string> in_use = catalog_.code_in_use();
  in_use.insert(still_running.begin(), still_running.end());
  return code_.collect(in_use);
}

std::string ManagementApi::Call::query(std::string_view name) const {
  for (const http::Field& one : queries) {
    if (one.first == name) return one.second;
  }
  return {};
}

std::vector<std::string> runtimes_with_aliases(const RuntimeList& runtimes) {
  std::vector<std::string> out;
  for (const std::string& name : runtimes.names) {
    out.push_back(name);
    if (name == "provided") out.insert(out.end(), {"provided.al2", "provided.al2023"});
  }
  return out;
}

bool is_reserved_path(std::string_view path) {
  return is_dated(path) || path == "/kiln" || path.substr(0, 6) == "/kiln/";
}

}  // namespace kiln
