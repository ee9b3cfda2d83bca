// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/instance_paths.hpp"

#include "runtime-api/control-server/launchers/system_root.hpp"

namespace kiln {

InstancePaths paths_on_host(const InstanceSpec& spec) {
  return {spec.task_root.string(), (spec.runtime_root.empty() ? spec.task_root : spec.runtime_root).string(),
          spec.layers_root.string()};
}

InstancePaths paths_in_own_root(const InstanceSpec& spec) {
  return {inside_task, spec.runtime_root.empty() ? inside_task : inside_runtime, inside_layers};
}

std::string moved(const std::filesystem::path& file, const std::filesystem::path& folder, const std::string& inside) {
  return inside + "/" + file.lexically_relative(folder).string();
}

std::string executable_inside(const InstanceSpec& spec, const InstancePaths& inside) {
  return spec.runtime_root.empty() ? moved(spec.executable, spec.task_root, inside.task_root)
                                   : moved(spec.executable, spec.runtime_root, inside.runtime_root);
}

}  // namespace kiln
