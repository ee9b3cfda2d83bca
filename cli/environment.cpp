// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.hpp"

#include <cstdlib>

namespace kiln::cli {

std::string environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): nobody writes to it
  return value != nullptr ? value : "";
}

}  // namespace kiln::cli
