// SPDX-License-Identifier: Apache-2.0
// The table of contents of a zip, read and judged before a byte is inflated. Two readers of one zip must not be able to
// see two different contents, so whatever is ambiguous is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kiln {

struct ZipLimits {
  std::uint64_t unpacked_bytes = 0;
  std::size_t entries = 0;
  std::size_t path_bytes = 0;
  std::size_t path_depth = 0;
};

struct ZipEntry {
  std::string path;  ///< relative, without . and .. and empty segments; empty for an entry that is the root itself
  bool directory = false;
  bool executable = false;
  std::uint64_t size = 0;    ///< unpacked, as declared
  std::uint64_t offset = 0;  ///< of its local header
};

struct ZipDirectory {
  std::vector<ZipEntry> entries;  ///< in the order of their offsets
  std::size_t end = 0;            ///< bytes of the zip without its trailing comment
};

struct ZipProblem {
  enum class Kind { malformed, empty, too_large_unpacked, too_many_entries };
  Kind kind = Kind::malformed;
  std::string detail;  ///< for people, in kiln's words
};

/// Reads and judges. `zip` is not kept.
std::variant<ZipDirectory, ZipProblem> read_zip_directory(std::string_view zip, const ZipLimits& limits);

}  // namespace kiln
