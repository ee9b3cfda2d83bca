// SPDX-License-Identifier: Apache-2.0
// A function as its manifests describe it: everything decided and checked, nothing left to infer.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::cli {

/// Keeps the order in which members are written, which is the order they are read in.
using Json = nlohmann::ordered_json;

/// Where kiln's images listen (images/README.md): for calls, and for health and metrics.
inline constexpr int call_port = 8080;
inline constexpr int health_port = 9464;
/// The user of kiln's images, by number, for a scheduler cannot tell whether a name is root's.
inline constexpr int image_user = 10001;
/// Where kiln's images have the standalone server.
inline constexpr std::string_view standalone_program = "/usr/bin/kiln-standalone";
/// Seconds that an ending pod still takes connections, for its address goes away while it ends, not before.
inline constexpr int pod_drain_s = 5;
/// Seconds beyond its timeout that a call may take: until the answer is out and the instance has ended.
inline constexpr int end_slack_s = 5;
/// An autoscaler adds instances where so much of what there is works, so that calls seldom wait for a new one.
inline constexpr int busy_percent = 70;

using Variable = std::pair<std::string, std::string>;

enum class ScaleMetric { cpu, in_flight };

struct ExportedFunction {
  /// Of the manifest's objects: a DNS label that begins with a letter.
  std::string name;
  /// What the function is told it is called, and what a control server calls it.
  std::string function_name;
  std::string image;
  /// Empty: the image's own.
  std::string handler;
  int memory_mb = 0;
  int timeout_s = 0;
  int concurrency = 0;
  int min_instances = 0;
  int max_instances = 0;
  /// Of /tmp.
  int ephemeral_mb = 0;
  /// The user's own, in the order given; unique names.
  std::vector<Variable> environment;
  /// Where further variables come from, in the target's words; empty for nowhere.
  std::string secret;
  /// Empty: wherever the manifest is applied.
  std::string name_space;
  /// Host name that leads to the function, and the Gateway which serves it; empty for none.
  std::string host;
  std::string gateway;
  std::string gateway_namespace;
  ScaleMetric scale_metric = ScaleMetric::cpu;
  /// HOST:PORT of the control server's listener that the containers ask for events; empty where they serve HTTP.
  std::string pull;
  /// What an autoscaler asks for the demand, with `pull`.
  std::string scale_url;
  /// [ADDRESS:]PORT of the host, where the target publishes ports.
  std::string publish;

  bool pulls() const noexcept { return !pull.empty(); }
};

/// What kiln's server and runtimes read, in the order in which it is written: limits, names, and where events come from.
/// Without the port, which not every target lets a manifest set.
std::vector<Variable> kiln_variables(const ExportedFunction& function);

/// Seconds that a container gets from SIGTERM to its end, `drain_s` of which it still takes connections.
int grace_seconds(const ExportedFunction& function, int drain_s);

}  // namespace kiln::cli
