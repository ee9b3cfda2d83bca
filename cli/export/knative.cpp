// SPDX-License-Identifier: Apache-2.0
// kiln export knative: a Service of Knative Serving, which scales from zero by the requests it holds.
#include "cli/export/kubernetes_objects.hpp"
#include "cli/export/targets.hpp"
#include "cli/export/yaml.hpp"

namespace kiln::cli {
namespace {

// What Knative allows a request unless its own configuration allows more.
constexpr int longest_request_s = 600;

Json container(const ExportedFunction& function) {
  Json object{{"name", function.name}};
  object.update(container_basics(function));
  object["ports"] = Json::array({{{"name", "http1"}, {"containerPort", call_port}}});
  // PORT is Knative's to set. It ends a container once no request is under way, so there is nothing to drain.
  object["env"] = container_environment(function, kiln_variables(function));
  // Without a period Knative asks every 50 ms. Probes do not reach the function.
  object["readinessProbe"] = {{"httpGet", {{"path", "/readyz"}, {"port", call_port}}}};
  object["livenessProbe"] = {{"httpGet", {{"path", "/livez"}, {"port", call_port}}}};
  // Pods of Knative have no security context unless a feature flag allows it; a container's is as good.
  object["securityContext"] = pod_security();
  object["securityContext"].update(container_security());
  return object;
}

Json domain_mapping(const ExportedFunction& function) {
  auto metadata = object_metadata(function);
  metadata["name"] = function.host;
  return {
      {"apiVersion", "serving.knative.dev/v1beta1"},
      {"kind", "DomainMapping"},
      {"metadata", std::move(metadata)},
      {"spec", {{"ref", {{"apiVersion", "serving.knative.dev/v1"}, {"kind", "Service"}, {"name", function.name}}}}}};
}

}  // namespace

std::string knative_manifest(const ExportedFunction& function) {
  auto comment = manifest_comment(function, "knative");
  const int request_s = function.timeout_s + end_slack_s;
  if (request_s > longest_request_s) {
    comment.emplace_back("It needs max-revision-timeout-seconds of at least " + std::to_string(request_s) +
                         " in Knative's config-defaults.");
  }
  const Json annotations{{"autoscaling.knative.dev/min-scale", std::to_string(function.min_instances)},
                         {"autoscaling.knative.dev/max-scale", std::to_string(function.max_instances)},
                         {"autoscaling.knative.dev/target-utilization-percentage", std::to_string(busy_percent)}};
  const Json revision{{"containerConcurrency", function.concurrency},
                      {"timeoutSeconds", request_s},
                      {"responseStartTimeoutSeconds", request_s},
                      {"automountServiceAccountToken", false},
                      {"enableServiceLinks", false},
                      {"containers", Json::array({container(function)})},
                      {"volumes", pod_volumes(function)}};
  std::vector<Json> objects;
  objects.push_back({{"apiVersion", "serving.knative.dev/v1"},
                     {"kind", "Service"},
                     {"metadata", object_metadata(function)},
                     {"spec",
                      {{"template",
                        {{"metadata", {{"labels", object_metadata(function)["labels"]}, {"annotations", annotations}}},
                         {"spec", revision}}}}}});
  if (!function.host.empty()) {
    objects.push_back(domain_mapping(function));
  }
  return yaml_file(comment, objects);
}

}  // namespace kiln::cli
