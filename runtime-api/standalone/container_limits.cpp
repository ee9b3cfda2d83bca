// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/container_limits.hpp"

#include <cstdint>
#include <fstream>

namespace kiln::standalone {
namespace {

// Version 1 writes a number near 2^63 where there is no limit; no machine has a petabyte.
constexpr std::uint64_t no_limit = 1ULL << 50;

}  // namespace

std::optional<int> memory_limit_mb(const std::filesystem::path& root) {
  for (const char* const name : {"memory.max", "memory/memory.limit_in_bytes", "memory.limit_in_bytes"}) {
    std::ifstream file(root / name);
    std::uint64_t bytes = 0;
    if (file >> bytes && bytes > 0 && bytes < no_limit) return static_cast<int>(bytes >> 20);
  }
  return std::nullopt;
}

}  // namespace kiln::standalone
