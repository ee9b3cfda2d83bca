// SPDX-License-Identifier: Apache-2.0
// One layer of an image, unpacked over what the layers below it have left (opencontainers/image-spec, layer.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace kiln {

/// What an image may hold, all layers together; counted down.
struct UnpackBudget {
  const std::atomic<bool>* stopped = nullptr;  ///< where there is one: whether to give up
  std::uint64_t bytes = 10ULL << 30;
  std::uint64_t entries = 1'000'000;
};

/// Unpacks the tar archive `file`, compressed or not, into the folder `root`, after taking away what its whiteouts name.
/// Nothing is written outside `root`, whatever the archive says. Files belong to the caller; no bits of set-user-id; devices,
/// sockets and pipes are left out. Throws std::runtime_error: the archive is bad, larger than the budget, or the disk is full.
void unpack_layer(const std::filesystem::path& file, const std::filesystem::path& root, UnpackBudget& budget);

}  // namespace kiln
