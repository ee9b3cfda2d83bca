// SPDX-License-Identifier: Apache-2.0
// Long stretches of a JSON string that stand for themselves, sixteen bytes at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kiln::python {

inline constexpr std::size_t plain_step = 16;

/// Skips bytes in steps of plain_step as long as all are ASCII and none is a quote, a backslash or a control character (of
/// which DEL is one here). What follows, up to `end`, is to be looked at one by one.
inline const char* skip_plain(const char* at, const char* end) {
  using Block = std::uint8_t __attribute__((vector_size(plain_step)));
  for (; static_cast<std::size_t>(end - at) >= plain_step; at += plain_step) {
    Block block;
    std::memcpy(&block, at, sizeof block);
    const auto special = (block < 0x20) | (block == '"') | (block == '\\') | (block >= 0x7F);
    std::uint64_t halves[2];
    std::memcpy(halves, &special, sizeof halves);
    if ((halves[0] | halves[1]) != 0) break;
  }
  return at;
}

}  // namespace kiln::python
