// SPDX-License-Identifier: Apache-2.0
// Base64 with padding (RFC 4648, section 4), as the Lambda API carries code packages, log tails and client contexts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln::cli {

std::string base64_encode(std::string_view bytes);

/// The bytes `text` stands for, or nothing where it is not base64 (other characters, wrong length or padding).
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace kiln::cli
