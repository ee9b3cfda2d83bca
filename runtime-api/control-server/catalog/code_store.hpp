// SPDX-License-Identifier: Apache-2.0
// Code packages on disk under their SHA-256: `<root>/<hex>/package.zip` as uploaded and `<root>/<hex>/task/` unpacked,
// read-only. An object is complete or it is not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {

struct CodeLimits {
  std::size_t packed_bytes = limits::max_code_packed;
  std::size_t unpacked_bytes = limits::max_code_unpacked;
  std::size_t entries = limits::max_code_entries;
  std::size_t path_bytes = 1024;
  std::size_t path_depth = 64;
};

struct CodeObject {
  std::string sha256_hex;
  std::string sha256_base64;
  std::uint64_t packed_bytes = 0;
};

/// Threads: every member may be called from any thread; each blocks on the disk. Platform failures (disk full, no
/// permission) are exceptions (std::system_error).
class CodeStore {
 public:
  /// Creates `root` where needed and removes what an interrupted upload left behind.
  explicit CodeStore(std::filesystem::path root, CodeLimits limits = {});
  CodeStore(const CodeStore&) = delete;
  CodeStore& operator=(const CodeStore&) = delete;

  /// Checks, unpacks and keeps a zip; content that is already here, and undamaged, is not unpacked again. Once this returns,
  /// the object survives a power cut. Refuses with the errors of the real service (bad zip, too large), leaving nothing behind.
  Result<CodeObject> put(std::string_view zip);

  /// Checks without keeping: for DryRun.
  Result<CodeObject> check(std::string_view zip) const;

  /// The read-only folder with the unpacked code; nothing where the object is not here.
  std::optional<std::filesystem::path> task_root(std::string_view sha256_hex) const;
  /// The zip as uploaded.
  std::optional<std::string> read_package(std::string_view sha256_hex) const;

  /// Whether the package on disk still has its hash, and the unpacked files are those that were written. Reads all of both.
  bool verify(std::string_view sha256_hex) const;
  /// The same question before each cold start, for a stat a file: all is read only where something has been touched since
  /// this process wrote or verified it last. What a disk garbles behind the file system's back is found by the first look
  /// after a start of the server.
  bool intact(std::string_view sha256_hex) const;

  /// Removes every object whose hash is not in `in_use`; returns how many. The caller sees to it that no put() whose
  /// object it still means to use runs at the same time.
  std::size_t collect(const std::set<std::string>& in_use);

 private:
  std::optional<std::filesystem::path> package(std::string_view sha256_hex) const;
  bool compare(std::string_view sha256_hex) const;
  bool untouched(std::string_view sha256_hex) const;
  void remove_object(const std::filesystem::path& path) const;
  void remember(std::string_view sha256_hex, std::uint64_t fingerprint) const;

  std::filesystem::path root_;
  CodeLimits limits_;
  std::mutex publish_mutex_;
  mutable std::mutex verified_mutex_;
  mutable std::map<std::string, std::uint64_t, std::less<>> verified_;  // guarded by verified_mutex_: fingerprints
};

}  // namespace kiln
