// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/layer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view whiteout = ".wh.";
constexpr std::string_view opaque = ".wh..wh..opq";
constexpr std::size_t block = 1 << 16;
constexpr mode_t kept_bits = 01777;  // no set-user-id, no set-group-id

using Reader = std::unique_ptr<archive, decltype(&::archive_read_free)>;
using Writer = std::unique_ptr<archive, decltype(&::archive_write_free)>;

[[noreturn]] void fail(const fs::path& file, archive* with) {
  const char* const text = ::archive_error_string(with);
  throw std::runtime_error("layer " + file.filename().string() + ": " +
                           (text == nullptr ? "cannot be unpacked" : text));
}

/// The path below the root, without a leading slash or dot; nothing for the root itself. Throws for one that climbs out.
std::optional<fs::path> below_root(const char* text, const fs::path& file) {
  if (text == nullptr) throw std::runtime_error("layer " + file.filename().string() + ": an entry has no name");
  fs::path clean;
  for (const fs::path& part : fs::path(text).relative_path()) {
    if (part == "..") {
      throw std::runtime_error("layer " + file.filename().string() + ": an entry leads out of the image: " + text);
    }
    if (part != "." && !part.empty()) clean /= part;
  }
  if (clean.empty()) return std::nullopt;
  return clean;
}

void each_entry(const fs::path& file, const std::function<void(archive*, archive_entry*)>& use) {
  const Reader reader(::archive_read_new(), &::archive_read_free);
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_format_tar(reader.get());
  if (::archive_read_open_filename(reader.get(), file.c_str(), block) != ARCHIVE_OK) fail(file, reader.get());
  archive_entry* entry = nullptr;
  for (;;) {
    const int result = ::archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) fail(file, reader.get());
    use(reader.get(), entry);
  }
}

/// A folder of the image, reached without following any link; nothing where there is none.
Descriptor folder_in(const Descriptor& root, const fs::path& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string text = path.empty() ? "." : path.string();
  return Descriptor(static_cast<int>(::syscall(SYS_openat2, root.get(), text.c_str(), &how, sizeof how)));
}

/// Takes away what an entry of the name .wh.… stands for.
void apply_whiteout(const Descriptor& root, const fs::path& path) {
  const std::string name = path.filename().string();
  const Descriptor folder = folder_in(root, path.parent_path());
  if (!folder) return;  // the layers below have no such folder
  const fs::path held = "/proc/self/fd/" + std::to_string(folder.get());
  if (name == opaque) {
    for (const auto& entry : fs::directory_iterator(held)) fs::remove_all(entry.path());
  } else {
    const std::string hidden = name.substr(whiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..") return;
    fs::remove_all(held / hidden);
  }
}

bool is_whiteout(const fs::path& path) { return path.filename().string().starts_with(whiteout); }

void go_on(const UnpackBudget& budget) {
  if (budget.stopped != nullptr && *budget.stopped) throw std::runtime_error("the server is stopping");
}

void copy_data(archive* from, archive* to, const fs::path& file, UnpackBudget& budget) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int result = ::archive_read_data_block(from, &bytes, &size, &offset);
    if (result == ARCHIVE_EOF) return;
    if (result != ARCHIVE_OK) fail(file, from);
    go_on(budget);
    if (size > budget.bytes) throw std::runtime_error("the image is larger than may be unpacked");
    budget.bytes -= size;
    if (::archive_write_data_block(to, bytes, size, offset) != ARCHIVE_OK) fail(file, to);
  }
}

/// An entry that is not a folder takes the place of one, and the other way round.
void make_way(const Descriptor& root, const fs::path& path, bool for_folder) {
  const Descriptor parent = folder_in(root, path.parent_path());
  if (!parent) return;
  struct stat there{};
  const std::string name = path.filename().string();
  if (::fstatat(parent.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (for_folder && S_ISDIR(there.st_mode)) return;
  fs::remove_all(fs::path("/proc/self/fd/" + std::to_string(parent.get())) / name);
}

}  // namespace

void unpack_layer(const fs::path& file, const fs::path& root, UnpackBudget& budget) {
  // Without links in it, so that the only links on the way to an entry are the image's own, which are refused.
  const fs::path base = fs::canonical(root);
  const Descriptor base_folder(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base_folder) throw std::runtime_error("cannot open " + base.string());
  // First, since they are about the layers below, wherever in the archive they stand.
  each_entry(file, [&](archive*, archive_entry* entry) {
    const auto path = below_root(::archive_entry_pathname(entry), file);
    if (path && is_whiteout(*path)) apply_whiteout(base_folder, *path);
    go_on(budget);
    if (budget.entries-- == 0) throw std::runtime_error("the image has more files than may be unpacked");
  });
  const Writer writer(::archive_write_disk_new(), &::archive_write_free);
  ::archive_write_disk_set_options(writer.get(), ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                                                     ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  each_entry(file, [&](archive* reader, archive_entry* entry) {
    const auto path = below_root(::archive_entry_pathname(entry), file);
    if (!path || is_whiteout(*path)) return;
    const mode_t type = ::archive_entry_filetype(entry);
    const char* const link = ::archive_entry_hardlink(entry);
    if (link == nullptr && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK) return;
    make_way(base_folder, *path, link == nullptr && type == AE_IFDIR);
    if (link != nullptr) {
      const auto target = below_root(link, file);
      if (!target) return;
      ::archive_entry_set_hardlink(entry, (base / *target).c_str());
    }
    ::archive_entry_set_pathname(entry, (base / *path).c_str());
    ::archive_entry_set_perm(entry, ::archive_entry_perm(entry) & kept_bits);
    if (::archive_write_header(writer.get(), entry) != ARCHIVE_OK) fail(file, writer.get());
    if (::archive_entry_size(entry) > 0) copy_data(reader, writer.get(), file, budget);
    if (::archive_write_finish_entry(writer.get()) != ARCHIVE_OK) fail(file, writer.get());
  });
  if (::archive_write_close(writer.get()) != ARCHIVE_OK) fail(file, writer.get());
}

}  // namespace kiln
