// SPDX-License-Identifier: Apache-2.0
// Base64 and UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Standard alphabet, padded.
std::string base64_encode(std::string_view bytes);
/// Nothing where the text has a character outside the standard alphabet or wrong padding.
std::optional<std::string> base64_decode(std::string_view text);

/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view bytes);

}  // namespace kiln
