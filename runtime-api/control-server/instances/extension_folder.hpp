// SPDX-License-Identifier: Apache-2.0
// Which external extensions there are: the executables of `<opt>/extensions`, as the developer guide has it.
#pragma once

#include <filesystem>
#include <system_error>
#include <vector>

#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {

struct FoundExtensions {
  /// The file `<opt>/disable-extensions-jwigqn8j` turns all of them off, internal ones too.
  bool enabled = true;
  std::vector<ExtensionSpec> external;  ///< by name
  /// Set where the folder is there and cannot be read: nobody knows what should have been started.
  std::error_code unreadable;
};

/// A folder that is missing has none.
FoundExtensions find_extensions(const std::filesystem::path& opt);

/// An instance's environment as its extensions get it: without what belongs to the runtime alone.
std::vector<std::string> extension_environment(const std::vector<std::string>& instance_environment);

}  // namespace kiln
