// SPDX-License-Identifier: Apache-2.0
// kiln export compose: a service of a Compose file. Nothing scales it, so all instances are in its one container.
#include "cli/export/targets.hpp"
#include "cli/export/yaml.hpp"

#include <algorithm>

namespace kiln::cli {
namespace {

// Compose takes $NAME for a variable of its own.
std::string without_references(const std::string& value) {
  std::string out;
  for (const char c : value) {
    out += c == '$' ? "$$" : std::string(1, c);
  }
  return out;
}

Json environment_of(const ExportedFunction& function) {
  Json variables = Json::object();
  if (!function.pulls()) {
    variables["PORT"] = std::to_string(call_port);
  }
  for (const auto& [name, value] : kiln_variables(function)) {
    variables[name] = value;
  }
  if (!function.pulls() && function.max_instances > 1) {
    variables["KILN_MAX_INSTANCES"] = std::to_string(function.max_instances);
  }
  for (const auto& [name, value] : function.environment) {
    variables[name] = without_references(value);
  }
  return variables;
}

std::string published(const std::string& publish) {
  const auto where = publish.empty() ? std::to_string(call_port) : publish;
  // Nobody is asked who they are: what is not said to be open stays on this machine.
  return (where.find(':') == std::string::npos ? "127.0.0.1:" + where : where) + ":" + std::to_string(call_port);
}

}  // namespace

std::string compose_manifest(const ExportedFunction& function) {
  const int in_one_container = function.pulls() ? 1 : function.max_instances;
  Json service{{"image", function.image}};
  if (!function.handler.empty()) {
    service["command"] = Json::array({function.handler});
  }
  service["environment"] = environment_of(function);
  if (!function.secret.empty()) {
    service["env_file"] = Json::array({without_references(function.secret)});
  }
  if (function.pulls()) {
    service["deploy"] = {{"replicas", function.max_instances}};
  } else {
    service["ports"] = Json::array({published(function.publish)});
    service["healthcheck"] = {{"test", Json::array({"CMD", standalone_program, "healthcheck"})},
                              {"interval", "5s"},
                              {"timeout", "2s"},
                              {"retries", 3},
                              {"start_period", "10s"}};
  }
  service["restart"] = "unless-stopped";
  service["stop_grace_period"] = std::to_string(grace_seconds(function, 0)) + "s";
  service["mem_limit"] = std::to_string(function.memory_mb * in_one_container) + "m";
  service["user"] = std::to_string(image_user) + ":" + std::to_string(image_user);
  service["read_only"] = true;
  service["tmpfs"] = Json::array({"/tmp:size=" + std::to_string(function.ephemeral_mb) + "m,mode=1777"});
  service["cap_drop"] = Json::array({"ALL"});
  service["security_opt"] = Json::array({"no-new-privileges:true"});
  return yaml_file({"The function " + function.function_name +
                    ", written by kiln export compose. Start it:  docker compose --file FILE up --detach"},
                   {{{"services", {{function.name, std::move(service)}}}}});
}

}  // namespace kiln::cli
