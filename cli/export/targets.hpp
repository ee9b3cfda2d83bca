// SPDX-License-Identifier: Apache-2.0
// What manifests can be written for, and what each can express.
#pragma once

#include "cli/export/exported_function.hpp"
#include "cli/export/names.hpp"

#include <array>
#include <string>
#include <string_view>

namespace kiln::cli {

/// The text of a manifest; one file each: kubernetes.cpp, keda.cpp, …
std::string kubernetes_manifest(const ExportedFunction& function);
std::string keda_manifest(const ExportedFunction& function);
std::string knative_manifest(const ExportedFunction& function);
std::string compose_manifest(const ExportedFunction& function);
std::string nomad_manifest(const ExportedFunction& function);

/// Which settings mean something there; the others are refused rather than left out without a word.
struct Target {
  std::string_view name;
  std::string (*manifest)(const ExportedFunction&);
  /// Whether --env-from-secret can be `text`, and what it names.
  bool (*is_secret)(std::string_view text);
  std::string_view secret;
  /// The fewest instances it can go down to by itself; with `pull` those of a queue.
  int least_instances = 0;
  int least_pulling = 0;
  /// Whether it has an autoscaler at all: else all instances are in one container, one unless more are asked for.
  bool scales = true;
  bool has_namespace = false;
  bool has_host = false;
  bool has_gateway = false;
  bool has_scale_metric = false;
  bool has_scale_url = false;
  bool has_publish = false;
  bool has_pull = false;
};

inline constexpr std::array targets{
    Target{.name = "knative",
           .manifest = knative_manifest,
           .is_secret = is_secret_name,
           .secret = "a Secret",
           .has_namespace = true,
           .has_host = true},
    Target{.name = "kubernetes",
           .manifest = kubernetes_manifest,
           .is_secret = is_secret_name,
           .secret = "a Secret",
           .least_instances = 1,
           .least_pulling = 1,
           .has_namespace = true,
           .has_host = true,
           .has_gateway = true,
           .has_scale_metric = true,
           .has_pull = true},
    Target{.name = "keda",
           .manifest = keda_manifest,
           .is_secret = is_secret_name,
           .secret = "a Secret",
           .least_instances = 1,
           .has_namespace = true,
           .has_host = true,
           .has_gateway = true,
           .has_scale_url = true,
           .has_pull = true},
    Target{.name = "compose",
           .manifest = compose_manifest,
           .is_secret = is_file_name,
           .secret = "a file of KEY=VALUE lines",
           .least_instances = 1,
           .least_pulling = 1,
           .scales = false,
           .has_publish = true,
           .has_pull = true},
    Target{.name = "nomad",
           .manifest = nomad_manifest,
           .is_secret = is_variable_path,
           .secret = "the path of a Nomad variable",
           .least_instances = 1,
           .least_pulling = 1,
           .has_namespace = true,
           .has_pull = true},
};

}  // namespace kiln::cli
