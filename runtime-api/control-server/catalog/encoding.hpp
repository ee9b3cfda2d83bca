// SPDX-License-Identifier: Apache-2.0
// UTF-8; and base64, which both sides of the wire have.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/protocol/base64.hpp"

namespace kiln {

/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);

}  // namespace kiln
