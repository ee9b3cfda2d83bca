// SPDX-License-Identifier: Apache-2.0
// Folders of code on disk: written once, made durable and read-only, compared, removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/zip_contents.hpp"

namespace kiln {

/// A file descriptor that is closed with its owner.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();

  int get() const { return fd_; }
  int release();

 private:
  int fd_ = -1;
};

/// Opens a folder for use with the *at() calls. Throws std::system_error.
OwnedFd open_folder(const std::filesystem::path& path);

/// Makes a folder's own entries durable. Throws std::system_error.
void sync_folder(const std::filesystem::path& path);

/// Writes a read-only file and makes it durable. Throws std::system_error.
void write_durably(const std::filesystem::path& path, std::string_view bytes);

/// Removes a tree, read-only folders included; what is not there is no error. Throws std::system_error.
void remove_tree(const std::filesystem::path& path);

/// A figure that changes when anything below `root` is changed, added or removed: of names, inodes, modes, sizes and times,
/// the one of the inode's last change among them, which nobody can set. Reads no file. Nothing where the tree cannot be read.
std::optional<std::uint64_t> tree_fingerprint(const std::filesystem::path& root);

/// Writes entries below a folder of its own making. Files end up 0444 or 0555, folders 0555; setuid and the like are
/// never taken over. Nothing is followed: every path is created afresh, and an existing one is an error.
/// Platform failures throw std::system_error.
class TreeWriter : public EntrySink {
 public:
  /// Creates `root`, which must not exist.
  explicit TreeWriter(const std::filesystem::path& root);

  void begin(const ZipEntry& entry, std::time_t modified) override;
  void data(std::string_view bytes) override;
  void end() override;

  /// Makes everything durable and read-only.
  void finish();

 private:
  void make_folder(const std::string& path);

  OwnedFd root_;
  OwnedFd file_;
  bool executable_ = false;
  std::time_t modified_ = 0;
  std::string path_;
  std::set<std::string> folders_;
  std::vector<std::string> files_;
};

/// Compares entries with the files below a folder.
class TreeComparer : public EntrySink {
 public:
  explicit TreeComparer(std::filesystem::path root) : root_(std::move(root)) {}

  void begin(const ZipEntry& entry, std::time_t modified) override;
  void data(std::string_view bytes) override;
  void end() override;

  /// Whether every entry was there with its bytes, and nothing else is.
  bool same() const;

 private:
  std::filesystem::path root_;
  OwnedFd file_;
  std::set<std::string> seen_;
  bool same_ = true;
};

/// Forgets what it is given: for checking a zip alone.
class NullSink : public EntrySink {
 public:
  void begin(const ZipEntry&, std::time_t) override {}
  void data(std::string_view) override {}
  void end() override {}
};

}  // namespace kiln
