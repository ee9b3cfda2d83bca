// SPDX-License-Identifier: Apache-2.0
// The one place where the command line reads its environment.
#pragma once

#include <string>
#include <string_view>

namespace kiln::cli {

/// The value of variable `name`; empty where it is not set. Nobody here changes the environment.
std::string environment_variable(std::string_view name);

}  // namespace kiln::cli
