// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/oci_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace kiln;
using nlohmann::json;

namespace {

json config() {
  ContainerPlan plan;
  plan.root = "/data/images/ab";
  plan.hostname = "kiln-1";
  plan.program = {"/var/runtime/bootstrap", "x"};
  plan.environment = {"A=1"};
  plan.working_directory = "/var/task";
  plan.folders = {{"/data/code/cd/task", "/var/task"}};
  plan.uid = 1'500'000'000;
  plan.memory_mb = 128;
  plan.tmp_mb = 512;
  plan.network_namespace = "/proc/1/fd/7";
  plan.cgroup = "/kiln-oci-1";
  return json::parse(container_config(plan));
}

}  // namespace

TEST_CASE("A container has nobody's rights and a root that it cannot write to") {
  const json made = config();
  const json& process = made.at("process");
  CHECK(process.at("user") == json({{"uid", 1'500'000'000}, {"gid", 1'500'000'000}}));
  for (const auto& [set, capabilities] : process.at("capabilities").items()) {
    INFO(set);
    CHECK(capabilities.empty());
  }
  CHECK(process.at("capabilities").size() == 5);
  CHECK(process.at("noNewPrivileges") == true);
  CHECK(process.at("args") == json::array({"/var/runtime/bootstrap", "x"}));
  CHECK(made.at("root") == json({{"path", "/data/images/ab"}, {"readonly", true}}));
  for (const json& mount : made.at("mounts")) {
    if (mount.at("type") != "bind") continue;
    CHECK(mount.at("destination") == "/var/task");
    CHECK(std::count(mount.at("options").begin(), mount.at("options").end(), "ro") == 1);
  }
}

TEST_CASE("A container has namespaces of its own, and the server's in the place of its network") {
  const json made = config();
  std::vector<std::string> kinds;
  for (const json& space : made.at("linux").at("namespaces")) {
    kinds.push_back(space.at("type"));
    CHECK(space.contains("path") == (space.at("type") == "network"));
  }
  std::sort(kinds.begin(), kinds.end());
  CHECK(kinds == std::vector<std::string>{"cgroup", "ipc", "mount", "network", "pid", "uts"});
}

TEST_CASE("A container's limits grow with its memory, as a sandbox's do") {
  const json made = config();
  const json& resources = made.at("linux").at("resources");
  CHECK(resources.at("memory").at("limit") == 640LL * 1024 * 1024);
  CHECK(resources.at("memory").at("swap") == resources.at("memory").at("limit"));
  CHECK(resources.at("cpu") == json({{"shares", 74}, {"quota", 100'000}, {"period", 100'000}}));
  CHECK(resources.at("pids") == json({{"limit", 1024}}));
}

TEST_CASE("A container makes the system calls that a sandbox makes, and no others") {
  const json made = config();
  const json& filter = made.at("linux").at("seccomp");
  CHECK(filter.at("defaultAction") == "SCMP_ACT_ERRNO");
  CHECK(filter.at("defaultErrnoRet") == 38);
  for (const json& rule : filter.at("syscalls")) {
    const bool allowed = rule.at("action") == "SCMP_ACT_ALLOW";
    const auto names = rule.at("names").get<std::vector<std::string>>();
    for (const char* const call :
         {"mount", "ptrace", "bpf", "unshare", "setns", "keyctl", "io_uring_setup", "clone3"}) {
      INFO(call);
      CHECK_FALSE((allowed && std::find(names.begin(), names.end(), call) != names.end()));
    }
    // These only with arguments that are looked at.
    for (const char* const call : {"clone", "socket", "ioctl", "prlimit64", "personality"}) {
      INFO(call);
      CHECK_FALSE((allowed && !rule.contains("args") && std::find(names.begin(), names.end(), call) != names.end()));
    }
  }
}

TEST_CASE("What the image says of the environment fills the gaps") {
  CHECK(merged_environment({"A=1", "B="}, {"A=2", "C=3", "B=4", "no variable", "C=5"}) ==
        std::vector<std::string>{"A=1", "B=", "C=3"});
}
