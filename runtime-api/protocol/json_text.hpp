// SPDX-License-Identifier: Apache-2.0
// The few JSON texts the wire needs, written without a JSON library so that a bootstrap stays small.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln {

/// Length in bytes of the UTF-8 character that begins at `at` (below text.size()), or 0 where there is none: overlong, a
/// surrogate, cut off, out of range.
std::size_t utf8_length(std::string_view text, std::size_t at);

/// Appends `text` to `out` as a JSON string with its quotes. Input that is not UTF-8 has each bad byte replaced by
/// U+FFFD, so that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// `{"errorMessage":…,"errorType":…}` and a newline: the body of every refused Runtime API request.
std::string api_error_body(std::string_view message, std::string_view type);

/// `{"errorType":…,"errorMessage":…}`: the body of a failure the platform found (exit, timeout, size).
std::string platform_error_body(std::string_view type, std::string_view message);

}  // namespace kiln
