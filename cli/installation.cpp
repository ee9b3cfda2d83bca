// SPDX-License-Identifier: Apache-2.0
#include "cli/installation.hpp"

namespace kiln::cli {

Installation find_installation() {
  return {std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path()};
}

}  // namespace kiln::cli
