// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/oci_config.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime-api/control-server/launchers/seccomp_filter.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;

constexpr long long mib = 1024LL * 1024;
constexpr int cpu_period_us = 100'000;
constexpr int eperm = 1;
constexpr int enosys = 38;
// One file for each 16 KiB, as in a sandbox.
constexpr int tmp_files_per_mb = 64;

// As the engines have it (containers/common, defaults of masked and read-only paths).
constexpr std::array masked = {"/proc/acpi",        "/proc/kcore",
                               "/proc/keys",        "/proc/latency_stats",
                               "/proc/timer_list",  "/proc/timer_stats",
                               "/proc/sched_debug", "/proc/scsi",
                               "/proc/interrupts",  "/proc/kallsyms",
                               "/proc/modules",     "/proc/config.gz",
                               "/sys/firmware",     "/sys/devices/virtual/powercap"};
constexpr std::uint64_t lower_half = 0xffffffffUL;
constexpr std::array read_only = {"/proc/asound", "/proc/bus", "/proc/fs",
                                  "/proc/irq",    "/proc/sys", "/proc/sysrq-trigger"};

Json mount(const char* place, const char* type, const std::string& source, Json options) {
  return {{"destination", place}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

Json mounts_json(const ContainerPlan& plan) {
  Json mounts = Json::array();
  mounts.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev", "hidepid=2"}));
  mounts.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}));
  mounts.push_back(mount("/dev/shm", "tmpfs", "shm",
                         {"nosuid", "noexec", "nodev", "mode=1777", "size=" + std::to_string(plan.tmp_mb) + "m"}));
  mounts.push_back(mount("/tmp", "tmpfs", "tmpfs",
                         {"nosuid", "nodev", "mode=1777", "size=" + std::to_string(plan.tmp_mb) + "m",
                          "nr_inodes=" + std::to_string(plan.tmp_mb * tmp_files_per_mb)}));
  for (const SharedFolder& folder : plan.folders) {
    mounts.push_back(
        mount(folder.inside.c_str(), "bind", folder.host.string(), {"rbind", "rprivate", "ro", "nosuid", "nodev"}));
  }
  return mounts;
}

Json rule(Json names, const char* action) { return {{"names", std::move(names)}, {"action", action}}; }

Json condition(unsigned index, std::uint64_t value, const char* comparison, std::uint64_t second = 0) {
  return {{"index", index}, {"value", value}, {"valueTwo", second}, {"op", comparison}};
}

/// Where all of `conditions` hold.
Json rule_for(const char* name, Json conditions) {
  Json made = rule(Json::array({name}), "SCMP_ACT_ALLOW");
  made["args"] = std::move(conditions);
  return made;
}

Json rule_for_one(const char* name, Json only) { return rule_for(name, Json::array({std::move(only)})); }

/// The same calls as in a sandbox, in the runtime's words.
Json seccomp_json() {
  const SyscallRules rules = syscall_rules();
  Json calls = Json::array();
  calls.push_back(rule(Json(rules.allowed), "SCMP_ACT_ALLOW"));
  Json refused = rule(Json(rules.refused), "SCMP_ACT_ERRNO");
  refused["errnoRet"] = eperm;
  calls.push_back(std::move(refused));
  calls.push_back(rule_for_one("clone", condition(0, rules.refused_clone_flags, "SCMP_CMP_MASKED_EQ", 0)));
  for (const SocketRule& socket : rules.sockets) {
    const auto family = static_cast<std::uint64_t>(socket.family);
    const auto protocol = static_cast<std::uint64_t>(socket.protocol);
    for (const char* const call : {"socket", "socketpair"}) {
      calls.push_back(rule_for(call, Json::array({condition(0, family, "SCMP_CMP_EQ"),
                                                  condition(2, lower_half, "SCMP_CMP_MASKED_EQ", protocol)})));
    }
  }
  for (const unsigned long request : rules.ioctls) {
    calls.push_back(rule_for_one("ioctl", condition(1, lower_half, "SCMP_CMP_MASKED_EQ", request)));
  }
  calls.push_back(rule_for_one("prlimit64", condition(0, 0, "SCMP_CMP_EQ")));
  for (const unsigned long persona : rules.personalities) {
    calls.push_back(rule_for_one("personality", condition(0, persona, "SCMP_CMP_EQ")));
  }
  return {{"defaultAction", "SCMP_ACT_ERRNO"}, {"defaultErrnoRet", enosys}, {"syscalls", std::move(calls)}};
}

Json process_json(const ContainerPlan& plan) {
  const Json none = Json::array();
  const auto limit = [](const char* type, int most) { return Json{{"type", type}, {"hard", most}, {"soft", most}}; };
  return {{"terminal", false},
          {"user", {{"uid", plan.uid}, {"gid", plan.uid}}},
          {"args", plan.program},
          {"env", plan.environment},
          {"cwd", plan.working_directory},
          {"capabilities",
           {{"bounding", none}, {"effective", none}, {"inheritable", none}, {"permitted", none}, {"ambient", none}}},
          {"rlimits", Json::array({limit("RLIMIT_NOFILE", limits::instance_open_files), limit("RLIMIT_CORE", 0)})},
          {"noNewPrivileges", true}};
}

Json resources_json(const ContainerPlan& plan) {
  // As in a sandbox: files in memory come on top, and the time of processors grows with the memory.
  const long long memory = (static_cast<long long>(plan.memory_mb) + plan.tmp_mb) * mib;
  const long long processors = (plan.memory_mb + limits::memory_mb_of_one_cpu - 1) / limits::memory_mb_of_one_cpu;
  const long long shares = std::max(2LL, 1024LL * plan.memory_mb / limits::memory_mb_of_one_cpu);
  return {{"memory", {{"limit", memory}, {"swap", memory}}},
          {"cpu", {{"shares", shares}, {"quota", processors * cpu_period_us}, {"period", cpu_period_us}}},
          {"pids", {{"limit", limits::instance_processes}}},
          {"devices", Json::array({{{"allow", false}, {"access", "rwm"}}})}};
}

}  // namespace

std::vector<std::string> merged_environment(std::vector<std::string> first, const std::vector<std::string>& second) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  for (const std::string& entry : second) {
    const bool there = std::any_of(first.begin(), first.end(),
                                   [&](const std::string& other) { return name_of(other) == name_of(entry); });
    if (!there && entry.find('=') != std::string::npos) first.push_back(entry);
  }
  return first;
}

std::string container_config(const ContainerPlan& plan) {
  Json namespaces = Json::array();
  for (const char* const kind : {"pid", "ipc", "uts", "mount", "cgroup"}) namespaces.push_back({{"type", kind}});
  namespaces.push_back({{"type", "network"}, {"path", plan.network_namespace}});
  const Json config = {{"ociVersion", "1.0.2"},
                       {"process", process_json(plan)},
                       {"root", {{"path", plan.root.string()}, {"readonly", true}}},
                       {"hostname", plan.hostname},
                       {"mounts", mounts_json(plan)},
                       {"linux",
                        {{"namespaces", std::move(namespaces)},
                         {"cgroupsPath", plan.cgroup},
                         {"resources", resources_json(plan)},
                         {"rootfsPropagation", "private"},
                         {"maskedPaths", Json(masked)},
                         {"readonlyPaths", Json(read_only)},
                         {"seccomp", seccomp_json()}}}};
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kiln
