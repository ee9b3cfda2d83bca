// SPDX-License-Identifier: Apache-2.0
// Zips written byte by byte, so that every field of them can lie.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::test {

inline void put16(std::string& out, std::uint32_t value) {
  out += static_cast<char>(value & 0xFF);
  out += static_cast<char>(value >> 8 & 0xFF);
}
inline void put32(std::string& out, std::uint64_t value) {
  put16(out, static_cast<std::uint32_t>(value & 0xFFFF));
  put16(out, static_cast<std::uint32_t>(value >> 16 & 0xFFFF));
}
inline void put64(std::string& out, std::uint64_t value) {
  put32(out, value & 0xFFFFFFFF);
  put32(out, value >> 32);
}

inline std::uint32_t crc_of(std::string_view data) {
  return static_cast<std::uint32_t>(
      crc32(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
}

/// Raw deflate, as zips hold it.
inline std::string deflated(std::string_view data) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("zlib refuses");
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(data.size())), '\0');
  std::string input(data);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// One header as it will be written; the defaults are those of an honest zip.
struct ZipHeader {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint32_t packed = 0;
  std::uint32_t unpacked = 0;
  std::string extra;
};

struct ZipFile {
  ZipHeader local;
  ZipHeader central;
  std::string data;
  std::uint32_t mode = 0100644;
  std::uint16_t made_by = 3;            ///< Unix
  std::optional<std::uint32_t> offset;  ///< claimed in the central directory
  std::uint16_t disk = 0;
};

struct ZipEnd {
  std::optional<std::uint16_t> entries;
  std::optional<std::uint32_t> size;
  std::optional<std::uint32_t> offset;
  std::uint16_t disk = 0;
  std::string comment;
  bool zip64 = false;
  std::uint64_t zip64_offset_error = 0;
  std::uint64_t zip64_entries_error = 0;
};

class ZipWriter {
 public:
  /// Adds a file; what it returns may be bent before finish().
  ZipFile& add(const std::string& name, std::string_view content, std::uint32_t mode = 0100644, bool deflate = false) {
    ZipFile file;
    file.data = deflate ? deflated(content) : std::string(content);
    file.local.name = name;
    file.local.method = deflate ? 8 : 0;
    file.local.crc = crc_of(content);
    file.local.packed = static_cast<std::uint32_t>(file.data.size());
    file.local.unpacked = static_cast<std::uint32_t>(content.size());
    file.central = file.local;
    file.mode = mode;
    files_.push_back(std::move(file));
    return files_.back();
  }
  ZipFile& folder(const std::string& name) { return add(name, "", 040755); }

  ZipEnd& end() { return end_; }
  std::string& prefix() { return prefix_; }

  std::string finish() const {
    std::string out = prefix_;
    std::vector<std::uint32_t> offsets;
    for (const ZipFile& file : files_) {
      offsets.push_back(static_cast<std::uint32_t>(out.size() - prefix_.size()));
      put32(out, 0x04034b50);
      put16(out, 20);
      write_common(out, file.local);
      out += file.local.name;
      out += file.local.extra;
      out += file.data;
    }
    const std::size_t directory = out.size();
    for (std::size_t i = 0; i < files_.size(); ++i)
      write_central(out, files_[i], files_[i].offset.value_or(offsets[i]));
    write_end(out, directory);
    return out;
  }

 private:
  static void write_common(std::string& out, const ZipHeader& header) {
    put16(out, header.flags);
    put16(out, header.method);
    put32(out, 0x5A21'6000);  // a time in 2025
    put32(out, header.crc);
    put32(out, header.packed);
    put32(out, header.unpacked);
    put16(out, static_cast<std::uint32_t>(header.name.size()));
    put16(out, static_cast<std::uint32_t>(header.extra.size()));
  }
  static void write_central(std::string& out, const ZipFile& file, std::uint32_t offset) {
    put32(out, 0x02014b50);
    put16(out, static_cast<std::uint32_t>(file.made_by << 8 | 20));
    put16(out, 20);
    write_common(out, file.central);
    put16(out, 0);
    put16(out, file.disk);
    put16(out, 0);
    put32(out, static_cast<std::uint64_t>(file.mode) << 16);
    put32(out, offset);
    out += file.central.name;
    out += file.central.extra;
  }
  void write_end(std::string& out, std::size_t directory) const {
    const auto size = static_cast<std::uint32_t>(out.size() - directory);
    const auto offset = static_cast<std::uint32_t>(directory - prefix_.size());
    if (end_.zip64) {
      const std::size_t record = out.size();
      put32(out, 0x06064b50);
      put64(out, 44);
      put16(out, 45);
      put16(out, 45);
      put32(out, 0);
      put32(out, 0);
      put64(out, files_.size() + end_.zip64_entries_error);
      put64(out, files_.size() + end_.zip64_entries_error);
      put64(out, size);
      put64(out, offset + end_.zip64_offset_error);
      put32(out, 0x07064b50);
      put32(out, 0);
      put64(out, record);
      put32(out, 1);
    }
    put32(out, 0x06054b50);
    put16(out, end_.disk);
    put16(out, end_.disk);
    const auto entries = end_.entries.value_or(static_cast<std::uint16_t>(files_.size()));
    put16(out, entries);
    put16(out, entries);
    put32(out, end_.size.value_or(size));
    put32(out, end_.offset.value_or(offset));
    put16(out, static_cast<std::uint32_t>(end_.comment.size()));
    out += end_.comment;
  }

  std::vector<ZipFile> files_;
  ZipEnd end_;
  std::string prefix_;
};

/// An honest zip with one handler.
inline std::string hello_zip(std::string_view body = "def handler(event, context):\n    return 'Hello'\n") {
  ZipWriter zip;
  zip.add("index.py", body, 0100644, true);
  return zip.finish();
}

}  // namespace kiln::test
