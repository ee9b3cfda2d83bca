// SPDX-License-Identifier: Apache-2.0
#include "cli/data_folder.hpp"

#include "cli/defaults.hpp"

#include <unistd.h>

#include <cstdlib>

namespace kiln::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string default_data_folder() {
  if (auto data = variable(std::string(defaults::data_variable).c_str()); !data.empty()) {
    return data;
  }
  if (::geteuid() == 0) {
    return "/var/lib/kiln";
  }
  // A relative one is to be ignored (XDG Base Directory Specification).
  if (const auto xdg = variable("XDG_DATA_HOME"); xdg.starts_with('/')) {
    return xdg + "/kiln";
  }
  const auto home = variable("HOME");
  return home.empty() ? "kiln-data" : home + "/.local/share/kiln";
}

}  // namespace kiln::cli
