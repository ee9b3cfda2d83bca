// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, 4), which error trailers and client contexts are written in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln::conformance {

std::string encode_base64(std::string_view bytes);
/// Nothing where `text` is none. Padding may be missing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace kiln::conformance
