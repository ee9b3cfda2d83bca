// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/zip_contents.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <stdexcept>

namespace kiln {
namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};

ZipProblem damaged(const ZipEntry& entry, archive* reader) {
  const char* text = archive_error_string(reader);
  return {ZipProblem::Kind::malformed,
          "the entry '" + entry.path + "' cannot be unpacked: " + (text == nullptr ? "damaged data" : text)};
}

std::optional<ZipProblem> inflate_entry(archive* reader, const ZipEntry& entry, EntrySink& sink) {
  std::uint64_t total = 0;
  for (;;) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(reader, &block, &size, &offset);
    if (result == ARCHIVE_EOF) break;
    // A warning here is a wrong size or checksum.
    if (result != ARCHIVE_OK) return damaged(entry, reader);
    if (size == 0) continue;
    if (size > entry.size - total) {
      return ZipProblem{ZipProblem::Kind::malformed, "the entry '" + entry.path + "' is larger than it says"};
    }
    total += size;
    sink.data({static_cast<const char*>(block), size});
  }
  if (total != entry.size) {
    return ZipProblem{ZipProblem::Kind::malformed, "the entry '" + entry.path + "' is smaller than it says"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ZipProblem> inflate_zip(std::string_view zip, const ZipDirectory& directory, EntrySink& sink) {
  const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  if (archive_read_support_format_zip_seekable(reader.get()) != ARCHIVE_OK) {
    throw std::runtime_error("libarchive was built without its zip reader");
  }
  // Without the comment the end record stands at the very end, so that libarchive cannot find another one than we did.
  if (archive_read_open_memory(reader.get(), zip.data(), directory.end) != ARCHIVE_OK) {
    return ZipProblem{ZipProblem::Kind::malformed, archive_error_string(reader.get())};
  }
  for (const ZipEntry& entry : directory.entries) {
    archive_entry* header = nullptr;
    const int result = archive_read_next_header(reader.get(), &header);
    // A warning is about the name's character set or a header that has been compared already; names are our own.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return damaged(entry, reader.get());
    sink.begin(entry, archive_entry_mtime_is_set(header) ? archive_entry_mtime(header) : 0);
    if (!entry.directory) {
      if (std::optional<ZipProblem> problem = inflate_entry(reader.get(), entry, sink)) return problem;
    }
    sink.end();
  }
  return std::nullopt;
}

}  // namespace kiln
