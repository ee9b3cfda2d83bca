// SPDX-License-Identifier: Apache-2.0
// Whether bytes are one JSON text (RFC 8259) in valid UTF-8. On the path of every invocation, so it keeps nothing and
// builds nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Values nested deeper are refused, as the real service's parser does.
inline constexpr std::size_t max_json_depth = 1'000;

/// Nothing where `text` is JSON; else what is wrong and where, for people.
std::optional<std::string> json_problem(std::string_view text);

}  // namespace kiln
