// SPDX-License-Identifier: Apache-2.0
// What a deployment will do, decided before anything is sent: name, runtime, handler, and which calls are needed.
#pragma once

#include "cli/api_client.hpp"
#include "cli/package.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace kiln::cli {

/// What the command line asks of a function; what it leaves out is inferred for a new function and kept for an old one.
struct FunctionSettings {
  std::string name;
  std::optional<std::string> runtime;
  std::optional<std::string> handler;
  std::optional<std::string> description;
  std::optional<int> memory_mb;
  std::optional<int> timeout_s;
  std::optional<int> concurrency;
  std::optional<int> max_instances;
  std::optional<int> min_instances;
  std::optional<std::string> ready_schedule;  ///< more of them at some hours
  std::optional<int> idle_s;
  std::optional<std::string> log_format;        ///< "Text" or "JSON"
  std::optional<std::string> log_level;         ///< "TRACE" to "FATAL": of the function's lines; JSON format only
  std::optional<std::string> system_log_level;  ///< "DEBUG" to "WARN": of the platform's; JSON format only
  std::optional<std::string> isolation;
  std::optional<std::string> image;  ///< of its containers
  std::optional<std::string> pull;   ///< where its runtimes connect; empty: they are started by the server
  std::optional<bool> preload;
  std::optional<std::string> preimport;  ///< the name of a set of the server; empty: its own
  /// KEY=VALUE each; the whole environment of the function where there is one.
  std::vector<std::string> environment;
  bool clear_environment = false;
};

struct DeployPlan {
  std::string name;
  /// Body of the create call without the code; empty where the function exists.
  Json create;
  /// Body of the configuration update; null where nothing of it changes.
  Json configuration;
  /// Whether the code has to be sent.
  bool code = true;
  /// What was decided that the user may not expect, a sentence each.
  std::vector<std::string> notes;
};

/// A function's name from the path of its source: the last part (without .zip), with every character that a name may
/// not have as '-', cut to 64.
std::string default_name(const std::filesystem::path& source);

/// "python", "cpp" or "provided", from the files of `package` and the module of `handler`; empty where they do not say.
std::string runtime_family(const Package& package, const std::string& handler);

/// Decides. `existing` is the function's configuration where it exists; `server_runtimes` is asked only where the list is
/// needed. Throws CommandFailure (usage) for a KEY=VALUE that is none or for log levels without the JSON format, (local_input) where no runtime can be told.
DeployPlan plan_deploy(const FunctionSettings& settings, const Package& package, const std::optional<Json>& existing,
                       const std::function<std::vector<std::string>()>& server_runtimes);

/// The KEY=VALUE settings as an object. Throws CommandFailure (usage).
Json environment_object(const std::vector<std::string>& settings);

}  // namespace kiln::cli
