// SPDX-License-Identifier: Apache-2.0
// Where an instance sees its folders: under the host's paths, or, with a root of its own, where the real service has them.
#pragma once

#include <string>

#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {

InstancePaths paths_on_host(const InstanceSpec& spec);
/// /var/task, /var/runtime (for a bootstrap that is not the function's own), /opt.
InstancePaths paths_in_own_root(const InstanceSpec& spec);

/// The path of `file`, which lies in `folder`, where that is seen as `inside`.
std::string moved(const std::filesystem::path& file, const std::filesystem::path& folder, const std::string& inside);
/// The bootstrap, as the instance sees it.
std::string executable_inside(const InstanceSpec& spec, const InstancePaths& inside);

}  // namespace kiln
