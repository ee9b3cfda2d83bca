// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/zip_directory.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace kiln {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::size_t local_size = 30;
constexpr std::size_t central_size = 46;
constexpr std::size_t end_size = 22;
constexpr std::size_t zip64_end_size = 56;
constexpr std::size_t zip64_locator_size = 20;
constexpr std::size_t max_segment = 255;  // NAME_MAX
constexpr std::uint16_t zip64_extra = 0x0001;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;

// Encrypted, patched, strongly encrypted, masked headers.
constexpr std::uint16_t refused_flags = 0x0001 | 0x0020 | 0x0040 | 0x2000;
constexpr std::uint16_t sizes_follow_data = 0x0008;

/// Thrown and caught in this file only: a check may stop the reading from any depth.
struct Refused {
  ZipProblem problem;
};

[[noreturn]] void refuse(std::string detail, ZipProblem::Kind kind = ZipProblem::Kind::malformed) {
  throw Refused{{kind, std::move(detail)}};
}

/// Bounds-checked little-endian reads.
class Bytes {
 public:
  explicit Bytes(std::string_view data) : data_(data) {}

  std::size_t size() const { return data_.size(); }
  std::string_view text(std::uint64_t at, std::uint64_t length) const {
    if (at > data_.size() || length > data_.size() - at) refuse("it is cut short");
    return data_.substr(at, length);
  }
  std::uint16_t u16(std::uint64_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  std::uint32_t u32(std::uint64_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
  std::uint64_t u64(std::uint64_t at) const { return number(at, 8); }

 private:
  std::uint64_t number(std::uint64_t at, std::size_t width) const {
    const std::string_view raw = text(at, width);
    std::uint64_t out = 0;
    for (std::size_t i = width; i-- > 0;) out = out << 8 | static_cast<unsigned char>(raw[i]);
    return out;
  }
  std::string_view data_;
};

struct Extent {
  std::uint64_t begin = 0;  ///< of the central directory
  std::uint64_t end = 0;    ///< one past it
  std::uint64_t entries = 0;
  std::uint64_t shift = 0;  ///< bytes in front of the zip proper, to be added to every offset in it
  std::size_t zip_end = 0;  ///< one past the end record, without the comment
};

std::size_t find_end_record(const Bytes& zip) {
  if (zip.size() < end_size) refuse("it is too short to be a zip");
  const std::size_t last = zip.size() - end_size;
  const std::size_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    // A record that does not end exactly where the file ends is data that only looks like one.
    if (zip.u32(at) == end_signature && at + end_size + zip.u16(at + 20) == zip.size()) return at;
  }
  refuse("it has no end of central directory: it is not a zip");
}

Extent read_zip64_extent(const Bytes& zip, std::size_t end_record) {
  const std::size_t locator = end_record - zip64_locator_size;
  if (zip.u32(locator + 4) != 0 || zip.u32(locator + 16) > 1) refuse("it is one volume of several");
  const std::uint64_t record = zip.u64(locator + 8);
  if (zip.text(record, zip64_end_size).empty() || zip.u32(record) != zip64_end_signature) {
    refuse("its zip64 end record is not where the locator says");
  }
  if (record + 12 + zip.u64(record + 4) != locator) refuse("its zip64 end record has the wrong size");
  if (zip.u32(record + 16) != 0 || zip.u32(record + 20) != 0) refuse("it is one volume of several");
  Extent out;
  out.entries = zip.u64(record + 32);
  out.begin = zip.u64(record + 48);
  out.end = record;
  if (out.begin > record || record - out.begin != zip.u64(record + 40)) {
    refuse("its central directory does not end at the zip64 end record");
  }
  const auto agrees = [](std::uint64_t small, std::uint64_t absent, std::uint64_t large) {
    return small == absent || small == large;
  };
  if (zip.u64(record + 24) != out.entries || !agrees(zip.u16(end_record + 10), 0xFFFF, out.entries) ||
      !agrees(zip.u32(end_record + 12), in_zip64, out.end - out.begin) ||
      !agrees(zip.u32(end_record + 16), in_zip64, out.begin)) {
    refuse("its two end records disagree");
  }
  return out;
}

Extent read_extent(const Bytes& zip) {
  const std::size_t end_record = find_end_record(zip);
  Extent out;
  if (end_record >= zip64_locator_size && zip.u32(end_record - zip64_locator_size) == zip64_locator_signature) {
    out = read_zip64_extent(zip, end_record);
  } else {
    if (zip.u16(end_record + 4) != 0 || zip.u16(end_record + 6) != 0 ||
        zip.u16(end_record + 8) != zip.u16(end_record + 10)) {
      refuse("it is one volume of several");
    }
    const std::uint32_t size = zip.u32(end_record + 12);
    const std::uint32_t declared = zip.u32(end_record + 16);
    if (size > end_record || end_record - size < declared) refuse("its central directory does not fit");
    out.entries = zip.u16(end_record + 10);
    out.begin = end_record - size;
    out.end = end_record;
    out.shift = out.begin - declared;
  }
  out.zip_end = end_record + end_size;
  return out;
}

/// Sizes and offset, with those that are in the zip64 extra field taken from there.
struct Sizes {
  std::uint64_t packed = 0;
  std::uint64_t unpacked = 0;
  std::uint64_t offset = 0;
};

Sizes widen(const Bytes& zip, std::uint64_t extra_at, std::size_t extra_size, Sizes sizes) {
  const std::uint64_t extra_end = extra_at + extra_size;
  std::uint64_t at = extra_at;
  bool seen = false;
  while (at + 4 <= extra_end) {
    const std::uint16_t id = zip.u16(at);
    const std::uint16_t size = zip.u16(at + 2);
    std::uint64_t field = at + 4;
    at = field + size;
    // Padding that is no field is common (Android, old Java); only a field that lies about its size matters.
    if (at > extra_end) {
      if (id == zip64_extra) refuse("a zip64 field is cut short");
      break;
    }
    if (id != zip64_extra) continue;
    if (seen) refuse("an entry has two zip64 fields");
    seen = true;
    const auto take = [&](std::uint64_t& value) {
      if (value != in_zip64) return;
      if (field + 8 > at) refuse("a zip64 field is cut short");
      value = zip.u64(field);
      field += 8;
    };
    take(sizes.unpacked);
    take(sizes.packed);
    take(sizes.offset);
  }
  return sizes;
}

std::string normal_path(std::string_view name, const ZipLimits& limits) {
  const auto quoted = [&] { return "the entry '" + std::string(name.substr(0, 200)) + "' "; };
  if (name.empty()) refuse("an entry has no name");
  if (name.find('\0') != std::string_view::npos) refuse("the name of an entry holds a NUL");
  if (name.find('\\') != std::string_view::npos) refuse(quoted() + "has a backslash in its name");
  if (name.front() == '/') refuse(quoted() + "has an absolute path");
  if (name.size() > limits.path_bytes) refuse(quoted() + "has too long a path");
  std::string out;
  std::size_t depth = 0;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t slash = std::min(name.find('/', at), name.size());
    const std::string_view segment = name.substr(at, slash - at);
    at = slash + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") refuse(quoted() + "climbs out of its folder");
    if (segment.size() > max_segment) refuse(quoted() + "has too long a name");
    if (++depth > limits.path_depth) refuse(quoted() + "lies too deep");
    if (!out.empty()) out += '/';
    out += segment;
  }
  return out;
}

/// What the entry is, by its Unix mode where it has one.
void classify(ZipEntry& entry, std::string_view name, std::uint32_t mode, const Sizes& sizes) {
  const std::uint32_t type = mode & S_IFMT;
  if (type != 0 && type != S_IFREG && type != S_IFDIR) {
    refuse("the entry '" + entry.path + "' is a " + (type == S_IFLNK ? "symbolic link" : "special file"));
  }
  entry.directory = name.back() == '/' || type == S_IFDIR || entry.path.empty();
  if (entry.directory && sizes.unpacked != 0) refuse("the folder '" + entry.path + "' has content of its own");
  entry.executable = !entry.directory && (mode & 0111u) != 0;
}

struct Central {
  std::uint64_t at = 0;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::string_view name;
  Sizes sizes;
};

/// Compares the local header with the central one; returns where the entry's data ends.
std::uint64_t check_local(const Bytes& zip, const Central& central) {
  const std::uint64_t at = central.sizes.offset;
  const auto differs = [&](const char* what) {
    refuse("the entry '" + std::string(central.name.substr(0, 200)) + "' has two different " + what);
  };
  if (zip.text(at, local_size).empty() || zip.u32(at) != local_signature)
    refuse("an entry is not where the directory says");
  if (zip.u16(at + 6) != central.flags) differs("sets of flags");
  if (zip.u16(at + 8) != central.method) differs("methods");
  const std::uint16_t name_size = zip.u16(at + 26);
  const std::uint16_t extra_size = zip.u16(at + 28);
  if (zip.text(at + local_size, name_size) != central.name) differs("names");
  const std::uint64_t extra = at + local_size + name_size;
  zip.text(extra, extra_size);
  const Sizes local = widen(zip, extra, extra_size, {zip.u32(at + 18), zip.u32(at + 22), 0});
  const bool later = (central.flags & sizes_follow_data) != 0;
  const auto same = [&](std::uint64_t a, std::uint64_t b) { return a == b || (later && a == 0); };
  if (!same(local.packed, central.sizes.packed) || !same(local.unpacked, central.sizes.unpacked)) differs("sizes");
  if (!same(zip.u32(at + 14), central.crc)) differs("checksums");
  zip.text(extra + extra_size, central.sizes.packed);
  return extra + extra_size + central.sizes.packed;
}

Central read_central(const Bytes& zip, std::uint64_t at, const Extent& extent) {
  if (at + central_size > extent.end || zip.u32(at) != central_signature) refuse("its central directory is damaged");
  Central out;
  out.at = at;
  out.flags = zip.u16(at + 8);
  out.method = zip.u16(at + 10);
  out.crc = zip.u32(at + 16);
  const std::uint16_t name_size = zip.u16(at + 28);
  const std::uint16_t extra_size = zip.u16(at + 30);
  out.name = zip.text(at + central_size, name_size);
  const std::uint64_t extra = at + central_size + name_size;
  zip.text(extra, extra_size);
  out.sizes = widen(zip, extra, extra_size, {zip.u32(at + 20), zip.u32(at + 24), zip.u32(at + 42)});
  if (zip.u16(at + 34) != 0 && zip.u16(at + 34) != 0xFFFF) refuse("it is one volume of several");
  if (out.sizes.offset > extent.begin) refuse("an entry is not where the directory says");
  out.sizes.offset += extent.shift;
  if ((out.flags & refused_flags) != 0) refuse("the entry '" + std::string(out.name.substr(0, 200)) + "' is encrypted");
  if (out.method != 0 && out.method != 8) {
    refuse("the entry '" + std::string(out.name.substr(0, 200)) + "' is compressed with method " +
           std::to_string(out.method) + ": only stored and deflated are read");
  }
  if (out.method == 0 && out.sizes.packed != out.sizes.unpacked) refuse("a stored entry has two different sizes");
  return out;
}

/// Two files of one name, or a file where a folder must be.
void check_names(const std::vector<ZipEntry>& entries) {
  std::unordered_set<std::string_view> files;
  std::unordered_set<std::string_view> folders;
  for (const ZipEntry& entry : entries) {
    if (entry.directory) {
      folders.insert(entry.path);
    } else if (!files.insert(entry.path).second) {
      refuse("the entry '" + entry.path + "' is there twice");
    }
    const std::string_view path = entry.path;
    for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
      folders.insert(path.substr(0, at));
    }
  }
  for (const std::string_view file : files) {
    if (folders.count(file) != 0) refuse("'" + std::string(file) + "' is both a file and a folder");
  }
}

ZipDirectory read(const Bytes& zip, const ZipLimits& limits) {
  const Extent extent = read_extent(zip);
  if (extent.entries == 0) refuse("it holds nothing", ZipProblem::Kind::empty);
  if (extent.entries > limits.entries) {
    refuse("it holds " + std::to_string(extent.entries) + " entries", ZipProblem::Kind::too_many_entries);
  }
  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };
  std::vector<std::pair<Range, ZipEntry>> found;
  std::uint64_t unpacked = 0;
  std::uint64_t at = extent.begin;
  for (std::uint64_t i = 0; i < extent.entries; ++i) {
    const Central central = read_central(zip, at, extent);
    at += central_size + central.name.size() + zip.u16(central.at + 30) + zip.u16(central.at + 32);
    ZipEntry entry;
    entry.path = normal_path(central.name, limits);
    classify(entry, central.name, zip.u32(central.at + 38) >> 16, central.sizes);
    entry.size = central.sizes.unpacked;
    entry.offset = central.sizes.offset;
    if (entry.size > limits.unpacked_bytes || unpacked + entry.size > limits.unpacked_bytes) {
      refuse("it unpacks to more than " + std::to_string(limits.unpacked_bytes) + " bytes",
             ZipProblem::Kind::too_large_unpacked);
    }
    unpacked += entry.size;
    const std::uint64_t end = check_local(zip, central);
    if (end > extent.begin) refuse("an entry reaches into the central directory");
    found.emplace_back(Range{entry.offset, end}, std::move(entry));
  }
  if (at != extent.end) refuse("its central directory has another size than it says");
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
  ZipDirectory out;
  out.end = extent.zip_end;
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Entries that share bytes are how a small zip unpacks to terabytes.
    if (i > 0 && found[i].first.begin < found[i - 1].first.end) refuse("two of its entries overlap");
    out.entries.push_back(std::move(found[i].second));
  }
  check_names(out.entries);
  return out;
}

}  // namespace

std::variant<ZipDirectory, ZipProblem> read_zip_directory(std::string_view zip, const ZipLimits& limits) {
  try {
    return read(Bytes(zip), limits);
  } catch (Refused& refused) {
    return std::move(refused.problem);
  }
}

}  // namespace kiln
