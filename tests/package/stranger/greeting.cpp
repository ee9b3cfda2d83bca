// SPDX-License-Identifier: Apache-2.0
#include "greeting.hpp"

#include <stdexcept>

std::string greeting_for(const std::string& name) {
  if (name.empty()) throw std::invalid_argument("nobody to greet");
  return "Hello " + name;
}
