// SPDX-License-Identifier: Apache-2.0
// The files of a folder that go into its code package.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kiln::cli {

struct PackageFile {
  /// In the package: relative, parts joined by '/'.
  std::string path;
  /// Where its bytes are.
  std::filesystem::path source;
  bool executable = false;
  std::uint64_t size = 0;
};

/// Walks `folder` and returns its files sorted by path. Fails as pack_folder does.
std::vector<PackageFile> collect_files(const std::filesystem::path& folder);

}  // namespace kiln::cli
