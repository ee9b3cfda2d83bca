// SPDX-License-Identifier: Apache-2.0
// Code packages: the zip of a folder, made so that the same files always give the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

struct PackageEntry {
  /// Relative to the package's root, parts joined by '/', UTF-8.
  std::string path;
  bool executable = false;
  /// Unpacked, in bytes.
  std::uint64_t size = 0;
};

struct Package {
  /// The zip itself.
  std::string bytes;
  /// Its files (no folders), in order of path.
  std::vector<PackageEntry> entries;

  /// Base64 of the zip's SHA-256: what the server calls CodeSha256.
  std::string code_sha256() const;
  /// Whether there is a file `path`; with `executable`, one that may be executed.
  bool holds(std::string_view path, bool executable = false) const;
};

/// Zips `folder`: every file that IgnoreRules::defaults() and the folder's own .kilnignore leave in, sorted, without
/// times and owners, with its executable bit. A symbolic link that stays in the folder is packed as what it points to.
/// Throws CommandFailure (local_input): a link that leads out of the folder or nowhere, something that is neither file
/// nor folder, a file that cannot be read, nothing left to pack, more than the service takes (limits.hpp).
Package pack_folder(const std::filesystem::path& folder);

/// Reads the zip `file` as it is and lists its files. Throws CommandFailure (local_input) where it cannot be read, is no
/// zip, or is larger than the service takes.
Package read_package(const std::filesystem::path& file);

/// The whole of `file`, at most `limit` bytes of it. Throws CommandFailure (local_input) that names the file.
std::string read_file(const std::filesystem::path& file, std::uint64_t limit);

}  // namespace kiln::cli
