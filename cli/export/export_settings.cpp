// SPDX-License-Identifier: Apache-2.0
#include "cli/export/export_settings.hpp"

#include "cli/defaults.hpp"
#include "cli/deploy_plan.hpp"
#include "cli/export/names.hpp"
#include "cli/failure.hpp"
#include "cli/triggers.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/limits.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kiln::cli {
namespace {

constexpr int max_concurrency = 1'000;
constexpr int max_instances = 10'000;
constexpr int default_ephemeral_mb = 512;
constexpr int max_ephemeral_mb = 10'240;

[[noreturn]] void refuse(std::string message, std::vector<std::string> advice = {}) {
  throw CommandFailure({.code = ExitCode::usage, .message = std::move(message), .advice = std::move(advice)});
}

// Variables that manifests set themselves, and the option that does it; empty where none does.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> own_variables{{
    {"PORT", ""},
    {"KILN_OPERATIONS_PORT", ""},
    {"KILN_DRAIN_DELAY", ""},
    {"KILN_MAX_INSTANCES", "--max-instances"},
    {environment::runtime_api, "--pull"},
    {environment::function_name, "NAME"},
    {environment::function_memory, "--memory"},
    {"AWS_LAMBDA_FUNCTION_TIMEOUT", "--timeout"},
    {environment::max_concurrency, "--concurrency"},
    {environment::handler, "--handler"},
    {"K_SERVICE", ""},
}};

std::string targets_that(bool Target::* can) {
  std::string names;
  for (const auto& target : targets) {
    if (target.*can) {
      names += (names.empty() ? "" : ", ") + std::string(target.name);
    }
  }
  return names;
}

void require(const Target& target, bool Target::* can, const std::string& value, const std::string& option) {
  if (!value.empty() && !(target.*can)) {
    refuse(option + " means nothing for " + std::string(target.name), {"it is for: " + targets_that(can)});
  }
}

void require_all(const Target& target, const ExportSettings& settings) {
  require(target, &Target::has_namespace, settings.name_space, "--namespace");
  require(target, &Target::has_host, settings.host, "--host");
  require(target, &Target::has_gateway, settings.gateway, "--gateway");
  require(target, &Target::has_scale_metric, settings.scale_on, "--scale-on");
  require(target, &Target::has_scale_url, settings.scale_url, "--scale-url");
  require(target, &Target::has_publish, settings.publish, "--publish");
  require(target, &Target::has_pull, settings.pull, "--pull");
  if (!settings.pull.empty()) {
    // These containers take no connections, and show nobody how busy they are.
    for (const auto& [value, option] : {std::pair{&settings.host, "--host"},
                                        {&settings.gateway, "--gateway"},
                                        {&settings.scale_on, "--scale-on"},
                                        {&settings.publish, "--publish"}}) {
      if (!value->empty()) {
        refuse(std::string(option) + " is for containers that serve HTTP, and with --pull they ask for their events");
      }
    }
  } else if (!settings.scale_url.empty()) {
    refuse("--scale-url says where the demand of a function is known whose containers ask for events",
           {"add:  --pull HOST:PORT"});
  }
}

int number(const std::string& option, const std::optional<int>& said, std::int64_t known, int fallback, int least,
           int most) {
  if (!said) {
    return known > 0 ? static_cast<int>(std::min<std::int64_t>(known, most)) : fallback;
  }
  if (*said < least || *said > most) {
    refuse(option + " takes " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
           std::to_string(*said));
  }
  return *said;
}

Json member(const std::optional<Json>& configuration, const char* name) {
  return configuration ? configuration->value(name, Json::object()) : Json::object();
}

void set_instances(ExportedFunction& function, const Target& target, const ExportSettings& settings, const Json& own) {
  const int least = settings.pull.empty() ? target.least_instances : target.least_pulling;
  if (!target.scales) {
    if (settings.min_instances) {
      refuse("--min-instances means nothing for " + std::string(target.name) + ", which has no autoscaler",
             {"instances in its one container:  --max-instances N"});
    }
    function.min_instances = 1;
    function.max_instances = number("--max-instances", settings.max_instances, 0, 1, 1, max_concurrency);
    return;
  }
  if (settings.min_instances && *settings.min_instances < least) {
    refuse(std::string(target.name) + " cannot go below " + std::to_string(least) + " instance here",
           {"to zero, on HTTP requests:  kiln export knative",
            "to zero, on a queue of events:  kiln export keda --pull HOST:PORT"});
  }
  function.min_instances = std::max(least, number("--min-instances", settings.min_instances,
                                                  number_of(own, "MinInstances"), least, 0, max_instances));
  function.max_instances = number("--max-instances", settings.max_instances, number_of(own, "MaxInstances"),
                                  KilnSettings{}.max_instances, 1, max_instances);
  if (function.max_instances < function.min_instances) {
    refuse("--max-instances " + std::to_string(function.max_instances) + " is less than the least number, " +
           std::to_string(function.min_instances));
  }
}

void set_variable(std::vector<Variable>& environment, const std::string& name, const std::string& value) {
  const auto found =
      std::find_if(environment.begin(), environment.end(), [&](const auto& each) { return each.first == name; });
  if (found != environment.end()) {
    found->second = value;
  } else {
    environment.emplace_back(name, value);
  }
}

void add_logging(std::vector<Variable>& environment, const Json& logging) {
  if (text_of(logging, "LogFormat") != "JSON") {
    return;
  }
  set_variable(environment, environment::log_format, "JSON");
  if (const auto level = text_of(logging, "ApplicationLogLevel"); !level.empty()) {
    set_variable(environment, environment::log_level, level);
  }
}

bool is_utf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::type_error&) {
    return false;
  }
}

std::vector<Variable> environment_of(const ExportSettings& settings, const std::optional<Json>& configuration) {
  std::vector<Variable> environment;
  const auto known = member(configuration, "Environment").value("Variables", Json::object());
  for (const auto& [name, value] : known.items()) {
    set_variable(environment, name, value.get<std::string>());
  }
  add_logging(environment, member(configuration, "LoggingConfig"));
  const auto said = environment_object(settings.environment);
  for (const auto& [name, value] : said.items()) {
    set_variable(environment, name, value.get<std::string>());
  }
  for (const auto& [name, value] : environment) {
    if (!is_variable_name(name)) {
      refuse("'" + name + "' is no name of an environment variable", {"letters, digits and _, the first no digit"});
    }
    if (!is_utf8(value)) {
      refuse("the value of " + name + " is not UTF-8, which manifests are");
    }
    const auto own = std::find_if(own_variables.begin(), own_variables.end(),
                                  [&key = name](const auto& each) { return each.first == key; });
    if (own != own_variables.end()) {
      refuse("the manifest sets " + name + " itself",
             own->second.empty() ? std::vector<std::string>{} : std::vector{"say it by " + std::string(own->second)});
    }
  }
  return environment;
}

void set_names(ExportedFunction& function, const Target& target, const ExportSettings& settings,
               const std::optional<Json>& configuration) {
  if (!is_object_name(settings.name)) {
    const auto nearest = nearest_object_name(settings.name);
    refuse("'" + settings.name +
               "' is no name for an object: lower-case letters, digits and -, at most 63, a letter first and no - last",
           nearest.empty() ? std::vector<std::string>{} : std::vector{"for instance:  " + nearest});
  }
  function.name = settings.name;
  function.function_name = configuration ? text_of(*configuration, "FunctionName") : settings.name;
  function.image = settings.image.empty() ? text_of(member(configuration, "Kiln"), "Image") : settings.image;
  if (function.image.empty()) {
    refuse("which image?", {"the one that holds the function:  --image REGISTRY/" + function.name + ":TAG",
                            "how to make one: docs/container-images.md"});
  }
  if (!is_image_reference(function.image)) {
    refuse("'" + function.image + "' is no reference of an image",
           {"for instance:  registry.example/" + function.name + ":1"});
  }
  function.name_space = settings.name_space;
  if (!settings.name_space.empty() && !is_object_name(settings.name_space)) {
    refuse("'" + settings.name_space + "' is no name of a namespace");
  }
  if (!settings.secret.empty() && !target.is_secret(settings.secret)) {
    refuse("'" + settings.secret + "' cannot be " + std::string(target.secret) +
           ", which --env-from-secret names for " + std::string(target.name));
  }
  function.secret = settings.secret;
}

void set_host(ExportedFunction& function, const Target& target, const ExportSettings& settings) {
  if (!settings.host.empty() && !is_host_name(settings.host, target.has_gateway)) {
    refuse("'" + settings.host + "' is no host name", {"for instance:  --host " + function.name + ".example.com"});
  }
  function.host = settings.host;
  if (!target.has_gateway) {
    return;
  }
  if (settings.host.empty() != settings.gateway.empty()) {
    refuse("an HTTPRoute needs a host name and the Gateway that serves it",
           {"--host " + function.name + ".example.com --gateway [NAMESPACE/]NAME",
            "which there are:  kubectl get gateways --all-namespaces"});
  }
  const auto slash = settings.gateway.find('/');
  if (slash != std::string::npos) {
    function.gateway_namespace = settings.gateway.substr(0, slash);
  }
  function.gateway = settings.gateway.substr(slash == std::string::npos ? 0 : slash + 1);
  const bool good_namespace = slash == std::string::npos || is_object_name(function.gateway_namespace);
  if (!settings.gateway.empty() && !(good_namespace && is_host_name(function.gateway, false))) {
    refuse("'" + settings.gateway + "' is no Gateway", {"--gateway [NAMESPACE/]NAME"});
  }
}

void set_addresses(ExportedFunction& function, const ExportSettings& settings) {
  function.pull = settings.pull;
  function.publish = settings.publish;
  if (!settings.publish.empty() && !is_address(settings.publish, true)) {
    refuse("'" + settings.publish + "' is no port", {"--publish [ADDRESS:]PORT"});
  }
  if (settings.pull.empty()) {
    return;
  }
  if (!is_address(settings.pull, false)) {
    refuse("'" + settings.pull + "' is no address of a Runtime API: HOST:PORT, without scheme and path");
  }
  function.scale_url = settings.scale_url.empty()
                           ? "http://" + settings.pull.substr(0, settings.pull.rfind(':')) + ":" +
                                 std::to_string(defaults::operations_port) + "/scale/" + function.function_name
                           : settings.scale_url;
  if (!function.scale_url.starts_with("http://") && !function.scale_url.starts_with("https://")) {
    refuse("'" + function.scale_url + "' is no URL", {"--scale-url http://HOST:9081/scale/" + function.function_name});
  }
}

}  // namespace

const Target& find_target(const std::string& name) {
  const auto found = std::find_if(targets.begin(), targets.end(), [&](const auto& each) { return each.name == name; });
  if (found == targets.end()) {
    std::string names;
    for (const auto& target : targets) {
      names += (names.empty() ? "" : ", ") + std::string(target.name);
    }
    refuse("cannot export for '" + name + "'", {"there are: " + names});
  }
  return *found;
}

ExportedFunction exported_function(const Target& target, const ExportSettings& settings,
                                   const std::optional<Json>& configuration) {
  require_all(target, settings);
  const Json known = configuration.value_or(Json::object());
  const auto own = member(configuration, "Kiln");
  ExportedFunction function;
  set_names(function, target, settings, configuration);
  function.handler = settings.handler.empty() ? text_of(known, "Handler") : settings.handler;
  function.memory_mb = number("--memory", settings.memory_mb, number_of(known, "MemorySize"), limits::default_memory_mb,
                              limits::min_memory_mb, limits::max_memory_mb);
  function.timeout_s = number("--timeout", settings.timeout_s, number_of(known, "Timeout"), limits::default_timeout_s,
                              limits::min_timeout_s, limits::max_timeout_s);
  function.concurrency = number("--concurrency", settings.concurrency, number_of(own, "Concurrency"),
                                limits::default_concurrency, 1, max_concurrency);
  function.ephemeral_mb =
      number("--ephemeral-storage", settings.ephemeral_mb, number_of(member(configuration, "EphemeralStorage"), "Size"),
             default_ephemeral_mb, 1, max_ephemeral_mb);
  set_instances(function, target, settings, own);
  function.environment = environment_of(settings, configuration);
  set_host(function, target, settings);
  function.scale_metric = settings.scale_on == "in-flight" ? ScaleMetric::in_flight : ScaleMetric::cpu;
  set_addresses(function, settings);
  return function;
}

}  // namespace kiln::cli
