// SPDX-License-Identifier: Apache-2.0
// kiln export keda: a Deployment that KEDA scales by the demand of the function, which it asks for as JSON.
#include "cli/export/kubernetes_objects.hpp"
#include "cli/export/targets.hpp"
#include "cli/export/yaml.hpp"

namespace kiln::cli {
namespace {

// Tenths, for KEDA reads a decimal: 0.7 of one invocation at once, 7 of ten.
std::string tenths(int count) {
  return std::to_string(count / 10) + (count % 10 == 0 ? "" : "." + std::to_string(count % 10));
}

Json trigger_metadata(const ExportedFunction& function) {
  if (function.pulls()) {
    return {{"url", function.scale_url},
            {"valueLocation", "demand"},
            {"targetValue", std::to_string(function.concurrency)},
            {"activationTargetValue", "0"}};
  }
  // Each pod knows its own calls alone, so KEDA asks every one behind the Service and adds up. It takes the namespace from
  // the second part of the host name, and there must be a third, or the port sticks to it.
  const auto host = function.name + "." + function.name_space + ".svc";
  return {{"url", "http://" + host + ":" + std::to_string(health_port) + "/scale"},
          {"valueLocation", "demand"},
          {"aggregateFromKubeServiceEndpoints", "true"},
          {"aggregationType", "sum"},
          {"targetValue", tenths(function.concurrency * busy_percent / 10)}};
}

Json scaled_object(const ExportedFunction& function) {
  return {
      {"apiVersion", "keda.sh/v1alpha1"},
      {"kind", "ScaledObject"},
      {"metadata", object_metadata(function)},
      {"spec",
       {{"scaleTargetRef", {{"name", function.name}}},
        {"minReplicaCount", function.min_instances},
        {"maxReplicaCount", function.max_instances},
        {"pollingInterval", 5},
        {"cooldownPeriod", 60},
        {"advanced", {{"horizontalPodAutoscalerConfig", {{"behavior", scaling_behavior()}}}}},
        {"triggers",
         Json::array(
             {{{"type", "metrics-api"}, {"metricType", "AverageValue"}, {"metadata", trigger_metadata(function)}}})}}}};
}

}  // namespace

std::string keda_manifest(const ExportedFunction& settings) {
  auto function = settings;
  if (function.name_space.empty() && !function.pulls()) {
    function.name_space = "default";
  }
  auto comment = manifest_comment(function, "keda");
  comment.emplace_back(function.pulls() ? "It needs KEDA 2.10 or newer, which must reach " + function.scale_url + "."
                                        : "It needs KEDA 2.19 or newer, which asks each pod for its demand.");
  std::vector<Json> objects{deployment(function, 0)};
  if (!function.pulls()) {
    objects.push_back(service(function));
  }
  objects.push_back(scaled_object(function));
  if (function.min_instances > 1) {
    objects.push_back(disruption_budget(function));
  }
  if (!function.host.empty()) {
    objects.push_back(http_route(function));
  }
  return yaml_file(comment, objects);
}

}  // namespace kiln::cli
