// SPDX-License-Identifier: Apache-2.0
// From what the command line says, and what a server knows of the function, to a function that can be written down.
#pragma once

#include "cli/export/exported_function.hpp"
#include "cli/export/targets.hpp"

#include <optional>
#include <string>
#include <vector>

namespace kiln::cli {

/// What the command line says; what it leaves out is the server's function's, else kiln's default.
struct ExportSettings {
  std::string name;
  std::string image;
  std::string handler;
  std::optional<int> memory_mb;
  std::optional<int> timeout_s;
  std::optional<int> concurrency;
  std::optional<int> min_instances;
  std::optional<int> max_instances;
  std::optional<int> ephemeral_mb;
  /// KEY=VALUE each; added to the function's own, whose values they replace.
  std::vector<std::string> environment;
  std::string secret;
  std::string name_space;
  std::string host;
  /// [NAMESPACE/]NAME
  std::string gateway;
  /// "cpu" or "in-flight"; empty: cpu
  std::string scale_on;
  std::string pull;
  std::string scale_url;
  std::string publish;
};

/// The target called `name`. Throws CommandFailure (usage).
const Target& find_target(const std::string& name);

/// Decides and checks. `configuration` is the function's as a server answers it, where one was asked. Throws CommandFailure
/// (usage) for a value that is none, and for a setting that `target` cannot express.
ExportedFunction exported_function(const Target& target, const ExportSettings& settings,
                                   const std::optional<Json>& configuration);

}  // namespace kiln::cli
