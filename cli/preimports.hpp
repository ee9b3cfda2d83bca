// SPDX-License-Identifier: Apache-2.0
// `kiln serve --preimport [SET=]MODULE,...`.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/control-server/serve.hpp"

namespace kiln::cli {

/// Adds what a value of the option says to `to`; one set may be named several times. Returns what is wrong with the value, and
/// then has added nothing; empty where it is right.
std::string add_preimport(std::string_view value, Preimports& to);

}  // namespace kiln::cli
