// SPDX-License-Identifier: Apache-2.0
#include "cli/data_folder.hpp"

#include "cli/defaults.hpp"
#include "cli/environment.hpp"

#include <unistd.h>

namespace kiln::cli {

std::string default_data_folder() {
  if (auto data = environment_variable(defaults::data_variable); !data.empty()) {
    return data;
  }
  if (::geteuid() == 0) {
    return "/var/lib/kiln";
  }
  // A relative one is to be ignored (XDG Base Directory Specification).
  if (const auto xdg = environment_variable("XDG_DATA_HOME"); xdg.starts_with('/')) {
    return xdg + "/kiln";
  }
  const auto home = environment_variable("HOME");
  return home.empty() ? "kiln-data" : home + "/.local/share/kiln";
}

}  // namespace kiln::cli
