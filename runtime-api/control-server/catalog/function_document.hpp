// SPDX-License-Identifier: Apache-2.0
// A function's row in the catalog: its settings as a JSON document, so that new settings need no new column.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln {

std::string to_document(const FunctionConfiguration& function);

/// Members a later kiln wrote are ignored; absent ones have their defaults. Throws std::runtime_error where the text is
/// no such document.
FunctionConfiguration from_document(std::string_view document);

}  // namespace kiln
