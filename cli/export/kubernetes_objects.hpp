// SPDX-License-Identifier: Apache-2.0
// The objects of the Kubernetes API that kubernetes, keda and knative have in common.
#pragma once

#include "cli/export/exported_function.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

/// The first lines of a manifest for kubectl: what it is, how it is applied.
std::vector<std::string> manifest_comment(const ExportedFunction& function, const std::string& target);

/// Labels by which a function's pods are found.
Json selector_labels(const ExportedFunction& function);

/// `metadata` of an object called as the function.
Json object_metadata(const ExportedFunction& function);

/// `env` of a container: `variables`, then the user's, nothing in them taken for a reference.
Json container_environment(const ExportedFunction& function, const std::vector<Variable>& variables);

/// The members of a container that every target has: image, arguments, secret, resources, /tmp. Goes behind `name`.
Json container_basics(const ExportedFunction& function);

/// `volumes` of the pod, for what container_basics mounts.
Json pod_volumes(const ExportedFunction& function);

/// What the restricted standard asks of pods, and of their containers beside.
Json pod_security();
Json container_security();

/// The Deployment; `replicas` 0 leaves their number to an autoscaler.
Json deployment(const ExportedFunction& function, int replicas);
/// Calls on port 80, health and metrics on their own.
Json service(const ExportedFunction& function);
Json disruption_budget(const ExportedFunction& function);
/// From the function's host, on its gateway, to its Service.
Json http_route(const ExportedFunction& function);
/// How fast a HorizontalPodAutoscaler may follow: up at once, down after a minute.
Json scaling_behavior();

/// The share of a container's invocations at once that an autoscaler aims at, as a quantity ("700m").
std::string busy_target(const ExportedFunction& function);

}  // namespace kiln::cli
