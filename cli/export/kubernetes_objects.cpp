// SPDX-License-Identifier: Apache-2.0
#include "cli/export/kubernetes_objects.hpp"

#include "runtime-api/protocol/limits.hpp"

#include <algorithm>

namespace kiln::cli {
namespace {

constexpr const char* network_api = "gateway.networking.k8s.io/v1";
constexpr int least_cpu_milli = 10;

// Kubernetes takes $(NAME) for a reference to another variable, and $$ for a $.
std::string without_references(const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    out += value[i];
    if (value[i] == '$' && i + 1 < value.size() && (value[i + 1] == '$' || value[i + 1] == '(')) {
      out += '$';
    }
  }
  return out;
}

std::string mebibytes(int count) { return std::to_string(count) + "Mi"; }

// Processor time grows with the memory, as Lambda's does.
std::string cpu_share(int memory_mb) {
  return std::to_string(std::max(least_cpu_milli, memory_mb * 1000 / limits::memory_mb_of_one_cpu)) + "m";
}

Json health_probe(const char* path, int period_s, int failures) {
  return {{"httpGet", {{"path", path}, {"port", health_port}}},
          {"periodSeconds", period_s},
          {"timeoutSeconds", 2},
          {"failureThreshold", failures}};
}

Json container(const ExportedFunction& function) {
  Json object{{"name", function.name}};
  object.update(container_basics(function));
  auto variables = kiln_variables(function);
  if (!function.pulls()) {
    variables.insert(variables.begin(),
                     {{"PORT", std::to_string(call_port)}, {"KILN_OPERATIONS_PORT", std::to_string(health_port)}});
    variables.emplace_back("KILN_DRAIN_DELAY", std::to_string(pod_drain_s));
  }
  object["env"] = container_environment(function, variables);
  if (!function.pulls()) {
    object["ports"] = {{{"name", "http"}, {"containerPort", call_port}},
                       {{"name", "metrics"}, {"containerPort", health_port}}};
    // Nothing listens before the function is initialised, whose time the first of these allows.
    object["startupProbe"] = health_probe("/readyz", 1, 60);
    object["readinessProbe"] = health_probe("/readyz", 2, 1);
    object["livenessProbe"] = health_probe("/livez", 10, 3);
  }
  object["securityContext"] = container_security();
  return object;
}

}  // namespace

std::vector<std::string> manifest_comment(const ExportedFunction& function, const std::string& target) {
  return {"The function " + function.function_name + ", written by kiln export " + target +
          ". Apply it:  kubectl apply --filename FILE"};
}

Json selector_labels(const ExportedFunction& function) { return {{"app.kubernetes.io/name", function.name}}; }

Json object_metadata(const ExportedFunction& function) {
  Json metadata{{"name", function.name}};
  if (!function.name_space.empty()) {
    metadata["namespace"] = function.name_space;
  }
  metadata["labels"] = selector_labels(function);
  metadata["labels"]["app.kubernetes.io/component"] = "function";
  return metadata;
}

Json container_environment(const ExportedFunction& function, const std::vector<Variable>& variables) {
  Json list = Json::array();
  for (const auto& [name, value] : variables) {
    list.push_back({{"name", name}, {"value", value}});
  }
  for (const auto& [name, value] : function.environment) {
    list.push_back({{"name", name}, {"value", without_references(value)}});
  }
  return list;
}

Json container_basics(const ExportedFunction& function) {
  Json members{{"image", function.image}};
  if (!function.handler.empty()) {
    members["args"] = Json::array({function.handler});
  }
  if (!function.secret.empty()) {
    members["envFrom"] = Json::array({{{"secretRef", {{"name", function.secret}}}}});
  }
  const auto memory = mebibytes(function.memory_mb);
  // No limit of processor time: it would slow cold starts, which need it all for a moment.
  members["resources"] = {{"requests",
                           {{"cpu", cpu_share(function.memory_mb)},
                            {"memory", memory},
                            {"ephemeral-storage", mebibytes(function.ephemeral_mb)}}},
                          {"limits", {{"memory", memory}, {"ephemeral-storage", mebibytes(function.ephemeral_mb)}}}};
  members["volumeMounts"] = Json::array({{{"name", "tmp"}, {"mountPath", "/tmp"}}});
  return members;
}

Json pod_volumes(const ExportedFunction& function) {
  // On disk: what is written to memory counts against the function's.
  return Json::array({{{"name", "tmp"}, {"emptyDir", {{"sizeLimit", mebibytes(function.ephemeral_mb)}}}}});
}

Json pod_security() {
  return {{"runAsNonRoot", true},
          {"runAsUser", image_user},
          {"runAsGroup", image_user},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json container_security() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

Json deployment(const ExportedFunction& function, int replicas) {
  const auto labels = selector_labels(function);
  Json pod{{"automountServiceAccountToken", false},
           {"enableServiceLinks", false},
           {"terminationGracePeriodSeconds", grace_seconds(function, pod_drain_s)},
           {"securityContext", pod_security()},
           {"containers", Json::array({container(function)})},
           {"volumes", pod_volumes(function)}};
  if (function.min_instances > 1) {
    pod["topologySpreadConstraints"] = Json::array({{{"maxSkew", 1},
                                                     {"topologyKey", "kubernetes.io/hostname"},
                                                     {"whenUnsatisfiable", "ScheduleAnyway"},
                                                     {"labelSelector", {{"matchLabels", labels}}}}});
  }
  Json spec = Json::object();
  if (replicas > 0) {
    spec["replicas"] = replicas;
  }
  spec["selector"] = {{"matchLabels", labels}};
  spec["strategy"] = {{"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", "25%"}}}};
  spec["template"] = {{"metadata", {{"labels", object_metadata(function)["labels"]}}}, {"spec", pod}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", object_metadata(function)},
          {"spec", std::move(spec)}};
}

Json service(const ExportedFunction& function) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", object_metadata(function)},
          {"spec",
           {{"selector", selector_labels(function)},
            {"ports", Json::array({{{"name", "http"}, {"port", 80}, {"targetPort", "http"}, {"appProtocol", "http"}},
                                   {{"name", "metrics"}, {"port", health_port}, {"targetPort", "metrics"}}})}}}};
}

Json disruption_budget(const ExportedFunction& function) {
  return {{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", object_metadata(function)},
          {"spec", {{"maxUnavailable", 1}, {"selector", {{"matchLabels", selector_labels(function)}}}}}};
}

Json http_route(const ExportedFunction& function) {
  Json parent{{"name", function.gateway}};
  if (!function.gateway_namespace.empty()) {
    parent["namespace"] = function.gateway_namespace;
  }
  return {{"apiVersion", network_api},
          {"kind", "HTTPRoute"},
          {"metadata", object_metadata(function)},
          {"spec",
           {{"parentRefs", Json::array({parent})},
            {"hostnames", Json::array({function.host})},
            {"rules", Json::array({{{"backendRefs", Json::array({{{"name", function.name}, {"port", 80}}})}}})}}}};
}

Json scaling_behavior() {
  return {{"scaleUp",
           {{"stabilizationWindowSeconds", 0},
            {"policies", Json::array({{{"type", "Percent"}, {"value", 400}, {"periodSeconds", 5}}})}}},
          {"scaleDown", {{"stabilizationWindowSeconds", 60}}}};
}

std::string busy_target(const ExportedFunction& function) {
  return std::to_string(function.concurrency * busy_percent * 10) + "m";
}

}  // namespace kiln::cli
