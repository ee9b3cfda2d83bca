// SPDX-License-Identifier: Apache-2.0
// Base64 with padding (RFC 4648, section 4): error trailers, client contexts, log tails, code packages.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Standard alphabet, padded.
std::string base64_encode(std::string_view bytes);
/// Nothing where the text has a character outside the standard alphabet or wrong padding.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace kiln
