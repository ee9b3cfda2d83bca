// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln {

std::string_view canonical_runtime(std::string_view runtime) {
  return runtime == "provided.al2" || runtime == "provided.al2023" ? std::string_view("provided") : runtime;
}

}  // namespace kiln
