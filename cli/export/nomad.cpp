// SPDX-License-Identifier: Apache-2.0
// kiln export nomad: a job of one group, whose tasks are containers of the docker driver.
#include "cli/export/hcl.hpp"
#include "cli/export/targets.hpp"
#include "runtime-api/protocol/limits.hpp"

#include <algorithm>

namespace kiln::cli {
namespace {

// Nomad counts processor time in MHz; a processor of today has at least so many.
constexpr int processor_mhz = 2'000;
constexpr int least_mhz = 20;
// What clients allow at most unless their configuration says more.
constexpr int longest_kill_timeout_s = 30;

std::string seconds(int count) { return std::to_string(count) + "s"; }

void write_scaling(HclWriter& hcl, const ExportedFunction& function) {
  hcl.open("scaling");
  hcl.attribute("enabled", true);
  hcl.attribute("min", function.min_instances);
  hcl.attribute("max", function.max_instances);
  hcl.open("policy");
  hcl.attribute("cooldown", "30s");
  hcl.attribute("evaluation_interval", "10s");
  hcl.open("check", {"cpu"});
  hcl.attribute("source", "nomad-apm");
  hcl.attribute("query", "avg_cpu");
  hcl.open("strategy", {"target-value"});
  hcl.attribute("target", busy_percent);
  hcl.close();
  hcl.close();
  hcl.close();
  hcl.close();
}

void write_network(HclWriter& hcl, const ExportedFunction& function) {
  hcl.open("network");
  for (const auto& [name, port] : {std::pair{"http", call_port}, {"metrics", health_port}}) {
    hcl.open("port", {name});
    hcl.attribute("to", port);
    hcl.close();
  }
  hcl.close();
  hcl.open("service");
  hcl.attribute("provider", "nomad");
  hcl.attribute("name", function.name);
  hcl.attribute("port", "http");
  hcl.open("check");
  hcl.attribute("type", "http");
  hcl.attribute("port", "metrics");
  hcl.attribute("path", "/readyz");
  hcl.attribute("interval", "5s");
  hcl.attribute("timeout", "2s");
  hcl.close();
  hcl.close();
}

void write_container(HclWriter& hcl, const ExportedFunction& function) {
  hcl.open("config");
  hcl.attribute("image", function.image);
  if (!function.handler.empty()) {
    hcl.attribute("args", Json::array({function.handler}));
  }
  if (!function.pulls()) {
    hcl.attribute("ports", Json::array({"http", "metrics"}));
  }
  hcl.attribute("readonly_rootfs", true);
  hcl.attribute("cap_drop", Json::array({"all"}));
  hcl.attribute("security_opt", Json::array({"no-new-privileges"}));
  hcl.open("mount");
  hcl.attribute("type", "tmpfs");
  hcl.attribute("target", "/tmp");
  hcl.attribute("readonly", false);
  hcl.open("tmpfs_options");
  hcl.attribute("size", std::int64_t{function.ephemeral_mb} * 1024 * 1024);
  hcl.close();
  hcl.close();
  hcl.close();
}

void write_environment(HclWriter& hcl, const ExportedFunction& function) {
  hcl.open("env");
  if (!function.pulls()) {
    hcl.attribute("PORT", std::to_string(call_port));
    hcl.attribute("KILN_OPERATIONS_PORT", std::to_string(health_port));
  }
  for (const auto& variables : {kiln_variables(function), function.environment}) {
    for (const auto& [name, value] : variables) {
      hcl.attribute(name, value);
    }
  }
  hcl.close();
  if (function.secret.empty()) {
    return;
  }
  hcl.open("template");
  hcl.template_attribute("destination", "${NOMAD_SECRETS_DIR}/variables.env");
  hcl.attribute("env", true);
  hcl.text_attribute("data", {"{{ with nomadVar \"" + function.secret + "\" }}{{ range .Tuples }}", "{{ .K }}={{ .V }}",
                              "{{ end }}{{ end }}"});
  hcl.close();
}

void write_task(HclWriter& hcl, const ExportedFunction& function) {
  hcl.open("task", {function.name});
  hcl.attribute("driver", "docker");
  hcl.attribute("user", std::to_string(image_user));
  hcl.attribute("kill_signal", "SIGTERM");
  hcl.attribute("kill_timeout", seconds(grace_seconds(function, 0)));
  write_container(hcl, function);
  write_environment(hcl, function);
  hcl.open("resources");
  hcl.attribute("cpu", std::max(least_mhz, function.memory_mb * processor_mhz / limits::memory_mb_of_one_cpu));
  hcl.attribute("memory", function.memory_mb);
  hcl.close();
  hcl.close();
}

}  // namespace

std::string nomad_manifest(const ExportedFunction& function) {
  std::string comment =
      "# The function " + function.function_name + ", written by kiln export nomad. Start it:  nomad job run FILE\n";
  if (grace_seconds(function, 0) > longest_kill_timeout_s) {
    comment += "# Nomad's clients cut kill_timeout to their max_kill_timeout, 30 s unless they say otherwise.\n";
  }
  HclWriter hcl;
  hcl.open("job", {function.name});
  if (!function.name_space.empty()) {
    hcl.attribute("namespace", function.name_space);
  }
  hcl.attribute("type", "service");
  hcl.open("update");
  hcl.attribute("max_parallel", 1);
  hcl.attribute("canary", 1);
  hcl.attribute("auto_promote", true);
  hcl.attribute("auto_revert", true);
  hcl.attribute("min_healthy_time", "2s");
  hcl.close();
  hcl.open("group", {function.name});
  hcl.attribute("count", function.min_instances);
  if (!function.pulls()) {
    // The address goes away first, then the signal comes.
    hcl.attribute("shutdown_delay", seconds(pod_drain_s));
  }
  if (function.min_instances < function.max_instances) {
    write_scaling(hcl, function);
  }
  if (!function.pulls()) {
    write_network(hcl, function);
  }
  write_task(hcl, function);
  hcl.close();
  hcl.close();
  return comment + hcl.take();
}

}  // namespace kiln::cli
