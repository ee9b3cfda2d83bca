// SPDX-License-Identifier: Apache-2.0
// The config.json of a container (opencontainers/runtime-spec, config.md), from what an instance needs. No I/O.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {

/// A folder of the host that a container sees, read-only.
struct SharedFolder {
  std::filesystem::path host;
  std::string inside;
};

struct ContainerPlan {
  std::filesystem::path root;  ///< read-only for it
  std::string hostname;
  std::vector<std::string> program;      ///< argv
  std::vector<std::string> environment;  ///< "KEY=VALUE"
  std::string working_directory;
  std::vector<SharedFolder> folders;
  std::uint32_t uid = 0;
  int memory_mb = 0;
  int tmp_mb = 0;
  std::string network_namespace;  ///< a path
  std::string cgroup;             ///< from the root of the control groups
};

std::string container_config(const ContainerPlan& plan);

/// `first` with what only `second` has: of two with one name, the first.
std::vector<std::string> merged_environment(std::vector<std::string> first, const std::vector<std::string>& second);

}  // namespace kiln
