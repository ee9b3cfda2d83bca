// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/code_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <system_error>

namespace kiln {
namespace {

namespace fs = std::filesystem;

/// Above this many files one flush of the whole file system is cheaper than one for each.
constexpr std::size_t flush_each_up_to = 64;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

void write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot write " + name);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void sync(int fd, const std::string& name) {
  if (::fsync(fd) != 0) fail("cannot make durable " + name);
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

int OwnedFd::release() {
  const int out = fd_;
  fd_ = -1;
  return out;
}

OwnedFd open_folder(const fs::path& path) {
  OwnedFd out(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (out.get() < 0) fail("cannot open " + path.string());
  return out;
}

void sync_folder(const fs::path& path) { sync(open_folder(path).get(), path.string()); }

void write_durably(const fs::path& path, std::string_view bytes) {
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (file.get() < 0) fail("cannot create " + path.string());
  write_all(file.get(), bytes, path.string());
  if (::fchmod(file.get(), 0444) != 0) fail("cannot set the mode of " + path.string());
  sync(file.get(), path.string());
}

void remove_tree(const fs::path& path) {
  if (!fs::exists(fs::symlink_status(path))) return;
  // Without root's powers nothing can be unlinked from a read-only folder.
  if (::geteuid() != 0) {
    for (fs::recursive_directory_iterator it(path), end; it != end; ++it) {
      if (it->is_directory() && !it->is_symlink()) ::chmod(it->path().c_str(), 0700);
    }
  }
  fs::remove_all(path);
}

std::optional<std::uint64_t> tree_fingerprint(const fs::path& root) {
  // A sum, since folders are listed in no order of their own.
  std::uint64_t sum = 0;
  std::string text;
  const auto add = [&](const fs::path& path, std::string_view name) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return false;
    text = name;
    for (const auto figure :
         {static_cast<std::int64_t>(status.st_ino), static_cast<std::int64_t>(status.st_mode),
          static_cast<std::int64_t>(status.st_size), static_cast<std::int64_t>(status.st_mtim.tv_sec),
          static_cast<std::int64_t>(status.st_mtim.tv_nsec), static_cast<std::int64_t>(status.st_ctim.tv_sec),
          static_cast<std::int64_t>(status.st_ctim.tv_nsec)}) {
      text += '\0';
      text += std::to_string(figure);
    }
    sum += std::hash<std::string>{}(text);
    return true;
  };
  if (!add(root, {})) return std::nullopt;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, error);
  const std::size_t skip = root.native().size();
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (!add(entry->path(), std::string_view(entry->path().native()).substr(skip))) return std::nullopt;
  }
  return error ? std::nullopt : std::optional(sum);
}

TreeWriter::TreeWriter(const fs::path& root) {
  if (::mkdir(root.c_str(), 0755) != 0) fail("cannot create " + root.string());
  root_ = open_folder(root);
}

void TreeWriter::make_folder(const std::string& path) {
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    if (!folders_.insert(part).second) continue;
    if (::mkdirat(root_.get(), part.c_str(), 0755) != 0) fail("cannot create the folder " + part);
  }
}

void TreeWriter::begin(const ZipEntry& entry, std::time_t modified) {
  if (entry.path.empty()) return;
  if (entry.directory) {
    make_folder(entry.path);
    return;
  }
  const std::size_t slash = entry.path.rfind('/');
  if (slash != std::string::npos) make_folder(entry.path.substr(0, slash));
  file_ =
      OwnedFd(::openat(root_.get(), entry.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
  if (file_.get() < 0) fail("cannot create " + entry.path);
  path_ = entry.path;
  executable_ = entry.executable;
  modified_ = modified;
}

void TreeWriter::data(std::string_view bytes) { write_all(file_.get(), bytes, path_); }

void TreeWriter::end() {
  if (file_.get() < 0) return;
  // Python compares a source's time with the one in its compiled file, so the zip's times are kept.
  if (modified_ > 0) {
    const std::array<timespec, 2> times{{{modified_, 0}, {modified_, 0}}};
    if (::futimens(file_.get(), times.data()) != 0) fail("cannot set the time of " + path_);
  }
  if (::fchmod(file_.get(), executable_ ? 0555 : 0444) != 0) fail("cannot set the mode of " + path_);
  if (files_.size() < flush_each_up_to) sync(file_.get(), path_);
  files_.push_back(path_);
  file_ = OwnedFd();
}

void TreeWriter::finish() {
  // Deepest first: a folder's name sorts before those of its children.
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    const OwnedFd fd(::openat(root_.get(), folder->c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.get() < 0) fail("cannot open the folder " + *folder);
    if (::fchmod(fd.get(), 0555) != 0) fail("cannot set the mode of " + *folder);
    if (files_.size() < flush_each_up_to) sync(fd.get(), *folder);
  }
  if (::fchmod(root_.get(), 0555) != 0) fail("cannot set the mode of a code folder");
  if (files_.size() >= flush_each_up_to && ::syncfs(root_.get()) != 0) fail("cannot make a code folder durable");
  sync(root_.get(), "a code folder");
}

void TreeComparer::begin(const ZipEntry& entry, std::time_t) {
  for (std::size_t at = entry.path.find('/'); at != std::string::npos; at = entry.path.find('/', at + 1)) {
    seen_.insert(entry.path.substr(0, at));
  }
  if (!entry.path.empty()) seen_.insert(entry.path);
  const fs::path path = root_ / entry.path;
  if (entry.directory) {
    same_ = same_ && fs::is_directory(fs::symlink_status(path));
    return;
  }
  file_ = OwnedFd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  same_ = same_ && file_.get() >= 0 && ::fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode) &&
          static_cast<std::uint64_t>(status.st_size) == entry.size;
}

void TreeComparer::data(std::string_view bytes) {
  std::array<char, 65'536> buffer{};
  while (same_ && !bytes.empty()) {
    const ssize_t n = ::read(file_.get(), buffer.data(), std::min(buffer.size(), bytes.size()));
    const auto size = n > 0 ? static_cast<std::size_t>(n) : 0;
    same_ = size > 0 && std::memcmp(buffer.data(), bytes.data(), size) == 0;
    bytes.remove_prefix(size);
  }
}

void TreeComparer::end() { file_ = OwnedFd(); }

bool TreeComparer::same() const {
  if (!same_) return false;
  std::size_t there = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_)) {
    if (seen_.count(entry.path().lexically_relative(root_).string()) == 0) return false;
    ++there;
  }
  return there == seen_.size();
}

}  // namespace kiln
