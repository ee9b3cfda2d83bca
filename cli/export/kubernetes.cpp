// SPDX-License-Identifier: Apache-2.0
// kiln export kubernetes: a Deployment with a HorizontalPodAutoscaler, a Service, and what else the settings ask for.
#include "cli/export/kubernetes_objects.hpp"
#include "cli/export/targets.hpp"
#include "cli/export/yaml.hpp"

namespace kiln::cli {
namespace {

Json pods_metric(const char* name, const std::string& average) {
  return {{"type", "Pods"},
          {"pods", {{"metric", {{"name", name}}}, {"target", {{"type", "AverageValue"}, {"averageValue", average}}}}}};
}

Json scale_metrics(const ExportedFunction& function) {
  if (function.scale_metric == ScaleMetric::in_flight) {
    // The larger of the two answers counts: the first keeps some instances free, the second says how many are missing.
    return Json::array({pods_metric("kiln_invocations_in_flight", busy_target(function)),
                        pods_metric("kiln_queue_length", std::to_string(function.concurrency))});
  }
  return Json::array(
      {{{"type", "Resource"},
        {"resource", {{"name", "cpu"}, {"target", {{"type", "Utilization"}, {"averageUtilization", busy_percent}}}}}}});
}

Json pod_autoscaler(const ExportedFunction& function) {
  return {{"apiVersion", "autoscaling/v2"},
          {"kind", "HorizontalPodAutoscaler"},
          {"metadata", object_metadata(function)},
          {"spec",
           {{"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", function.name}}},
            {"minReplicas", function.min_instances},
            {"maxReplicas", function.max_instances},
            {"metrics", scale_metrics(function)},
            {"behavior", scaling_behavior()}}}};
}

}  // namespace

std::string kubernetes_manifest(const ExportedFunction& function) {
  const bool fixed = function.min_instances == function.max_instances;
  auto comment = manifest_comment(function, "kubernetes");
  std::vector<Json> objects{deployment(function, fixed ? function.min_instances : 0)};
  if (!function.pulls()) {
    objects.push_back(service(function));
  }
  if (!fixed) {
    objects.push_back(pod_autoscaler(function));
    comment.emplace_back(function.scale_metric == ScaleMetric::cpu
                             ? "The HorizontalPodAutoscaler needs metrics-server."
                             : "The HorizontalPodAutoscaler needs an adapter that serves Prometheus' metrics of pods.");
  }
  if (function.min_instances > 1) {
    objects.push_back(disruption_budget(function));
  }
  if (!function.host.empty()) {
    objects.push_back(http_route(function));
  }
  return yaml_file(comment, objects);
}

}  // namespace kiln::cli
