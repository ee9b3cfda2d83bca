// SPDX-License-Identifier: Apache-2.0
// The triggers' part of the management API.
#include <algorithm>

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/api/function_json.hpp"
#include "runtime-api/control-server/api/management_call.hpp"
#include "runtime-api/control-server/api/request_members.hpp"
#include "runtime-api/control-server/catalog/constraints.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"

namespace kiln {
namespace {

using nlohmann::ordered_json;

const char* const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"};

struct TriggerRequest {
  std::string function_name;
  std::string method;
  std::string path;
};

std::string upper_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Result<TriggerRequest> read_trigger_request(std::string_view body) {
  const Result<ParsedRequest> parsed = parse_request(body, {"FunctionName", "Type", "Method", "Path"});
  if (!parsed) return parsed.error();
  std::optional<ServiceError> wrong;
  const RequestMembers members(parsed->object, wrong);
  const std::optional<std::string> function_name = members.text("FunctionName");
  const std::optional<std::string> method = members.text("Method");
  const std::optional<std::string> path = members.text("Path");
  const std::string type = members.text("Type").value_or("http");
  if (wrong) return *wrong;

  TriggerRequest out{function_name.value_or(""), upper_case(method.value_or("")), path.value_or("")};
  Constraints constraints;
  if (!function_name) constraints.broken(std::nullopt, "functionName", rules::not_null);
  if (type != "http") constraints.broken(type, "type", rules::one_of({"http"}));
  const std::vector<std::string> known(std::begin(methods), std::end(methods));
  if (!method) {
    constraints.broken(std::nullopt, "method", rules::not_null);
  } else if (std::find(known.begin(), known.end(), out.method) == known.end()) {
    constraints.broken(*method, "method", rules::one_of(known));
  }
  if (!path) constraints.broken(std::nullopt, "path", rules::not_null);
  if (!constraints.empty()) return constraints.error();

  std::optional<std::string> problem = trigger_path_problem(out.path);
  if (!problem && is_reserved_path(out.path)) problem = "this server's own API begins so";
  if (problem) {
    return ServiceError{400, "InvalidParameterValueException",
                        "The path '" + out.path + "' cannot be bound: " + *problem};
  }
  return out;
}

}  // namespace

ManagementAnswer ManagementApi::put_trigger(const Call& call) {
  const Result<TriggerRequest> request = read_trigger_request(call.request.body);
  if (!request) return {error_answer(request.error()), std::nullopt};
  const Result<FunctionReference> reference =
      parse_function_name(request->function_name, {}, NameRules::management, account_);
  if (!reference) return {error_answer(reference.error()), std::nullopt};
  const Result<TriggerWrite> written = catalog_.bind({"", reference->name, request->method, request->path});
  if (!written) return {error_answer(written.error()), std::nullopt};
  CatalogChange change;
  change.sequence = written->sequence;
  add_triggers(change);
  return {json_answer(200, trigger_json(written->trigger).dump()), std::move(change)};
}

ManagementAnswer ManagementApi::list_triggers(const Call& call) {
  std::string name = call.query("FunctionName");
  if (!name.empty()) {
    const Result<FunctionReference> reference = parse_function_name(name, {}, NameRules::management, account_);
    if (!reference) return {error_answer(reference.error()), std::nullopt};
    name = reference->name;
  }
  ordered_json body{{"Triggers", ordered_json::array()}};
  for (const HttpTrigger& trigger : catalog_.triggers(name)) body["Triggers"].push_back(trigger_json(trigger));
  return {json_answer(200, body.dump()), std::nullopt};
}

ManagementAnswer ManagementApi::delete_trigger(const Call& call) {
  const Result<TriggerWrite> removed = catalog_.unbind(call.parameter);
  if (!removed) return {error_answer(removed.error()), std::nullopt};
  CatalogChange change;
  change.sequence = removed->sequence;
  add_triggers(change);
  return {json_answer(204, ""), std::move(change)};
}

}  // namespace kiln
