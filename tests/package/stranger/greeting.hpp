// SPDX-License-Identifier: Apache-2.0
// A shared library of the stranger's own; its exceptions must be caught in the function.
#pragma once

#include <string>

/// Throws std::invalid_argument for an empty name.
std::string greeting_for(const std::string& name);
