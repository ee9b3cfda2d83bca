// SPDX-License-Identifier: Apache-2.0
// What the container's cgroup allows, under version 1 or 2.
#pragma once

#include <filesystem>
#include <optional>

namespace kiln::standalone {

/// The memory limit in MB; nothing where there is none. `root` is /sys/fs/cgroup, where a container sees its own group.
std::optional<int> memory_limit_mb(const std::filesystem::path& root = "/sys/fs/cgroup");

}  // namespace kiln::standalone
