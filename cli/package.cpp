// SPDX-License-Identifier: Apache-2.0
// Writing and reading zips by libarchive.
#include "cli/package.hpp"

#include "cli/failure.hpp"
#include "cli/package_files.hpp"
#include "cli/terminal.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/limits.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string message, std::vector<std::string> advice = {}) {
  throw CommandFailure({.code = ExitCode::local_input, .message = std::move(message), .advice = std::move(advice)});
}

// libarchive converts names through the thread's locale; in "C" it would refuse every name that is not ASCII.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) {
      previous_ = ::uselocale(locale_);
    }
  }
  ~Utf8Locale() {
    if (locale_ != nullptr) {
      ::uselocale(previous_);
      ::freelocale(locale_);
    }
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;
  locale_t previous_ = nullptr;
};

struct FreeArchive {
  void operator()(struct archive* handle) const { ::archive_free(handle); }
};
struct FreeEntry {
  void operator()(struct archive_entry* entry) const { ::archive_entry_free(entry); }
};
using ArchiveHandle = std::unique_ptr<struct archive, FreeArchive>;

std::string error_text(struct archive* handle) {
  const char* text = ::archive_error_string(handle);
  return text != nullptr ? text : "unknown error";
}

la_ssize_t append_to_string(struct archive*, void* target, const void* data, std::size_t size) {
  static_cast<std::string*>(target)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

void check(struct archive* handle, int status, const std::string& what) {
  if (status != ARCHIVE_OK) {
    fail("cannot pack " + what + ": " + error_text(handle));
  }
}

void write_entry(struct archive* zip, const PackageFile& file) {
  const auto content = read_file(file.source, limits::max_code_unpacked);
  const std::unique_ptr<struct archive_entry, FreeEntry> entry(::archive_entry_new());
  ::archive_entry_set_pathname_utf8(entry.get(), file.path.c_str());
  ::archive_entry_set_filetype(entry.get(), AE_IFREG);
  // Nothing of this machine goes in but the executable bit: no times, no owners, no umask.
  ::archive_entry_set_perm(entry.get(), file.executable ? 0755 : 0644);
  ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  check(zip, ::archive_write_header(zip, entry.get()), file.path);
  if (::archive_write_data(zip, content.data(), content.size()) != static_cast<la_ssize_t>(content.size())) {
    fail("cannot pack " + file.path + ": " + error_text(zip));
  }
}

void check_packed_size(std::uint64_t size, const fs::path& source) {
  if (size > limits::max_code_packed) {
    fail(source.string() + " is " + human_bytes(size) + " zipped; a code package may have " +
             human_bytes(limits::max_code_packed),
         {"leave out what the function does not need: a .kilnignore works like a .gitignore"});
  }
}

}  // namespace

std::string Package::code_sha256() const {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool Package::holds(std::string_view path, bool executable) const {
  return std::any_of(entries.begin(), entries.end(), [&](const PackageEntry& entry) {
    return entry.path == path && (entry.executable || !executable);
  });
}

std::string read_file(const fs::path& file, std::uint64_t limit) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    fail("cannot read " + file.string() + ": it is a folder");
  }
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    fail("cannot read " + file.string() + ": " + std::generic_category().message(errno != 0 ? errno : EIO));
  }
  std::string content;
  std::array<char, 65'536> buffer{};
  while (stream.read(buffer.data(), buffer.size()) || stream.gcount() > 0) {
    content.append(buffer.data(), static_cast<std::size_t>(stream.gcount()));
    if (content.size() > limit) {
      fail(file.string() + " is larger than " + human_bytes(limit));
    }
  }
  if (stream.bad()) {
    fail("cannot read " + file.string() + " to its end");
  }
  return content;
}

Package pack_folder(const fs::path& folder) {
  const Utf8Locale utf8;
  const auto files = collect_files(folder);
  Package package;
  const ArchiveHandle zip(::archive_write_new());
  check(zip.get(), ::archive_write_set_format_zip(zip.get()), folder.string());
  check(zip.get(), ::archive_write_set_options(zip.get(), "zip:hdrcharset=UTF-8,zip:compression=deflate"),
        folder.string());
  // The default pads the archive to whole blocks of 10 KiB.
  check(zip.get(), ::archive_write_set_bytes_in_last_block(zip.get(), 1), folder.string());
  check(zip.get(), ::archive_write_open(zip.get(), &package.bytes, nullptr, append_to_string, nullptr),
        folder.string());
  for (const auto& file : files) {
    write_entry(zip.get(), file);
    package.entries.push_back({file.path, file.executable, file.size});
  }
  check(zip.get(), ::archive_write_close(zip.get()), folder.string());
  check_packed_size(package.bytes.size(), folder);
  return package;
}

Package read_package(const fs::path& file) {
  const Utf8Locale utf8;
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (!error) {
    check_packed_size(size, file);
  }
  Package package;
  package.bytes = read_file(file, limits::max_code_packed);
  if (!package.bytes.starts_with("PK")) {
    fail(file.string() + " is no zip file", {"deploy a folder, and kiln zips it, or a .zip"});
  }
  const ArchiveHandle zip(::archive_read_new());
  ::archive_read_support_format_zip_seekable(zip.get());
  if (::archive_read_open_memory(zip.get(), package.bytes.data(), package.bytes.size()) != ARCHIVE_OK) {
    fail("cannot read " + file.string() + " as a zip: " + error_text(zip.get()));
  }
  struct archive_entry* entry = nullptr;
  int status = ARCHIVE_OK;
  while ((status = ::archive_read_next_header(zip.get(), &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
    const char* name = ::archive_entry_pathname_utf8(entry);
    if (name != nullptr && ::archive_entry_filetype(entry) == AE_IFREG) {
      package.entries.push_back(
          {name, (::archive_entry_perm(entry) & 0111U) != 0, static_cast<std::uint64_t>(::archive_entry_size(entry))});
    }
  }
  if (status != ARCHIVE_EOF) {
    fail("cannot read " + file.string() + " as a zip: " + error_text(zip.get()),
         {"test it with:  unzip -t " + shell_word(file.string())});
  }
  std::sort(package.entries.begin(), package.entries.end(),
            [](const PackageEntry& a, const PackageEntry& b) { return a.path < b.path; });
  return package;
}

}  // namespace kiln::cli
