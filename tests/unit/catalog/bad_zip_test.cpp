// SPDX-License-Identifier: Apache-2.0
// Every way a zip can lie or do harm. Each is refused with the real service's words, and nothing of it stays on disk.
#include <algorithm>
#include <functional>

#include "runtime-api/control-server/catalog/code_store.hpp"
#include "tests/unit/catalog/result_text.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"
#include "tests/unit/catalog/zip_writer.hpp"

namespace fs = std::filesystem;
using kiln::CodeStore;
using kiln::ServiceError;
using namespace kiln::test;

namespace {

constexpr const char* cannot_unzip = "Could not unzip uploaded file. Please check your file, then try to upload again.";

struct BadZip {
  std::string what;
  std::string bytes;
};

std::string with(const std::function<void(ZipWriter&)>& fill) {
  ZipWriter zip;
  fill(zip);
  return zip.finish();
}

/// An otherwise good zip with one file bent.
std::string bent(const std::function<void(ZipFile&)>& bend, bool deflate = false) {
  return with([&](ZipWriter& zip) {
    zip.add("first.py", "first");
    bend(zip.add("index.py", "print('hello')\n", 0100644, deflate));
    zip.add("last.py", "last");
  });
}

std::string named(const std::string& name) {
  return with([&](ZipWriter& zip) { zip.add(name, "x"); });
}

std::vector<BadZip> bad_names() {
  std::vector<BadZip> out;
  const auto add = [&](const std::string& name) { out.push_back({"the name '" + name + "'", named(name)}); };
  for (const char* name : {"../x", "a/../../x", "a/..", "..", "/etc/passwd", "//x", "a\\b", "..\\x", "C:\\x"})
    add(name);
  add(std::string("a\0b", 3));
  add("");
  add(std::string(256, 'n'));
  add(std::string(1'100, '/') + "x");
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "d/";
  add(deep + "x");
  return out;
}

std::vector<BadZip> bad_types() {
  std::vector<BadZip> out;
  const auto add = [&](const std::string& what, std::uint32_t mode, const std::string& content) {
    out.push_back({what, with([&](ZipWriter& zip) { zip.add("entry", content, mode); })});
  };
  add("a symbolic link", 0120777, "/etc/passwd");
  add("a character device", 020666, "");
  add("a block device", 060666, "");
  add("a pipe", 010666, "");
  add("a socket", 0140666, "");
  add("a folder with content", 040755, "content");
  out.push_back({"a symbolic link and a file written through it", with([](ZipWriter& zip) {
                   zip.add("link", "/tmp", 0120777);
                   zip.add("link/x", "x");
                 })});
  out.push_back(
      {"a symbolic link made by DOS", with([](ZipWriter& zip) { zip.add("l", "/etc", 0120777).made_by = 0; })});
  out.push_back({"a name with a slash that has content", named("folder/")});
  return out;
}

std::vector<BadZip> doubled_names() {
  std::vector<BadZip> out;
  const auto add = [&](const std::string& first, const std::string& second) {
    out.push_back({first + " and " + second, with([&](ZipWriter& zip) {
                     const bool first_folder = first.back() == '/';
                     zip.add(first, first_folder ? "" : "1", first_folder ? 040755u : 0100644u);
                     const bool second_folder = second.back() == '/';
                     zip.add(second, second_folder ? "" : "2", second_folder ? 040755u : 0100644u);
                   })});
  };
  add("x", "x");
  add("x", "./x");
  add("a/x", "a//x");
  add("x", "x/");
  add("x/", "x");
  add("x", "x/y");
  add("x/y", "x");
  return out;
}

std::vector<BadZip> lying_headers() {
  std::vector<BadZip> out;
  const auto add = [&](const std::string& what, const std::function<void(ZipFile&)>& bend, bool deflate = false) {
    out.push_back({what, bent(bend, deflate)});
  };
  add("an encrypted entry", [](ZipFile& f) { f.local.flags = f.central.flags = 1; });
  add("strong encryption", [](ZipFile& f) { f.local.flags = f.central.flags = 0x41; });
  add("masked headers", [](ZipFile& f) { f.local.flags = f.central.flags = 0x2000; });
  add("encryption in the local header alone", [](ZipFile& f) { f.local.flags = 1; });
  add("bzip2", [](ZipFile& f) { f.local.method = f.central.method = 12; });
  add("another local name", [](ZipFile& f) { f.local.name = "other.py"; });
  add("a local name that climbs", [](ZipFile& f) { f.local.name = "../../x."; });
  add("a larger local size", [](ZipFile& f) { f.local.packed = f.local.unpacked = 16; });
  add("a smaller local size", [](ZipFile& f) { f.local.packed = f.local.unpacked = 3; });
  add("another local method", [](ZipFile& f) { f.local.method = 8; });
  add("another local checksum", [](ZipFile& f) { f.local.crc ^= 1; });
  add("a wrong checksum", [](ZipFile& f) { f.local.crc = f.central.crc ^= 1; });
  add("a wrong checksum of deflated data", [](ZipFile& f) { f.local.crc = f.central.crc ^= 1; }, true);
  add("two sizes of a stored entry", [](ZipFile& f) { f.local.unpacked = f.central.unpacked = 99; });
  add("more deflated data than declared", [](ZipFile& f) { f.local.unpacked = f.central.unpacked = 3; }, true);
  add("less deflated data than declared", [](ZipFile& f) { f.local.unpacked = f.central.unpacked = 99; }, true);
  add("damaged deflated data", [](ZipFile& f) { f.data.assign(f.data.size(), '\xFF'); }, true);
  add(
      "deflated data cut short",
      [](ZipFile& f) {
        f.data.resize(f.data.size() / 2);
        f.local.packed = f.central.packed = static_cast<std::uint32_t>(f.data.size());
      },
      true);
  add("an offset to nowhere", [](ZipFile& f) { f.offset = 0x00FFFFFF; });
  add("an offset into another entry", [](ZipFile& f) { f.offset = 7; });
  add("an entry on another volume", [](ZipFile& f) { f.disk = 1; });
  add("data that reaches into the directory",
      [](ZipFile& f) { f.local.packed = f.local.unpacked = f.central.packed = f.central.unpacked = 100'000; });
  add("a zip64 field cut short", [](ZipFile& f) {
    f.central.unpacked = 0xFFFFFFFF;
    put16(f.central.extra, 1);
    put16(f.central.extra, 4);
    put32(f.central.extra, 15);
  });
  add("a zip64 field that disagrees", [](ZipFile& f) {
    f.central.unpacked = f.central.packed = 0xFFFFFFFF;
    put16(f.central.extra, 1);
    put16(f.central.extra, 16);
    put64(f.central.extra, 14);
    put64(f.central.extra, 14);
  });
  return out;
}

std::vector<BadZip> bad_ends() {
  std::vector<BadZip> out;
  const auto add = [&](const std::string& what, const std::function<void(ZipEnd&)>& bend) {
    out.push_back({what, with([&](ZipWriter& zip) {
                     zip.add("index.py", "x");
                     bend(zip.end());
                   })});
  };
  add("fewer entries than there are", [](ZipEnd& e) { e.entries = std::uint16_t{7}; });
  add("a directory of no bytes", [](ZipEnd& e) { e.size = 0u; });
  add("a directory larger than the file", [](ZipEnd& e) { e.size = 1'000'000u; });
  add("a directory beyond the end", [](ZipEnd& e) { e.offset = 1'000'000u; });
  add("several volumes", [](ZipEnd& e) { e.disk = 2; });
  add("a zip64 end record with another offset", [](ZipEnd& e) {
    e.zip64 = true;
    e.zip64_offset_error = 8;
  });
  add("a zip64 end record with another count", [](ZipEnd& e) {
    e.zip64 = true;
    e.zip64_entries_error = 1;
  });
  out.push_back({"no zip at all", "this is not a zip"});
  out.push_back({"a gzip", std::string("\x1f\x8b\x08\0\0\0\0\0", 8) + std::string(100, 'z')});
  out.push_back({"half a zip", hello_zip().substr(0, hello_zip().size() / 2)});
  out.push_back({"a zip with its end cut off", hello_zip().substr(0, hello_zip().size() - 1)});
  out.push_back({"a zip with bytes behind it", hello_zip() + "trailing"});
  out.push_back({"a local header alone", hello_zip().substr(0, 50)});
  return out;
}

void check_refused(const BadZip& bad, const std::string& message, const std::string& type, int status) {
  INFO(bad.what);
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto result = store.put(bad.bytes);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().status == status);
  CHECK(result.error().type == type);
  CHECK(result.error().message == message);
  // Only the store's own empty folders may be there.
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) left.push_back(entry.path().filename());
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::string>{".incoming", "code"});
}

void check_all_refused(const std::vector<BadZip>& corpus) {
  for (const BadZip& bad : corpus) check_refused(bad, cannot_unzip, "InvalidParameterValueException", 400);
}

}  // namespace

TEST_CASE("a zip whose names leave their folder or cannot be files is refused") { check_all_refused(bad_names()); }

TEST_CASE("a zip with anything but files and folders is refused") { check_all_refused(bad_types()); }

TEST_CASE("a zip with a name twice, or a file where a folder is, is refused") { check_all_refused(doubled_names()); }

TEST_CASE("a zip whose headers disagree with each other or with the data is refused") {
  check_all_refused(lying_headers());
}

TEST_CASE("a zip without a sound end is refused") { check_all_refused(bad_ends()); }

TEST_CASE("overlapping entries, the quadratic zip bomb, are refused") {
  const std::string zip = with([](ZipWriter& writer) {
    const std::string kernel(100'000, 'a');
    writer.add("a", kernel, 0100644, true);
    // Every further entry claims the same bytes.
    for (int i = 0; i < 20; ++i) {
      ZipFile& file = writer.add("a", kernel, 0100644, true);
      file.data.clear();
      file.offset = 0;
    }
  });
  check_refused({"overlap", zip}, cannot_unzip, "InvalidParameterValueException", 400);
}

TEST_CASE("a zip that unpacks to more than the limit is refused by what it says and by what it holds") {
  const TemporaryFolder folder;
  kiln::CodeLimits limits;
  limits.unpacked_bytes = 100'000;
  CodeStore store(folder / "code", limits);
  const auto put = [&](std::size_t size, std::optional<std::uint32_t> claimed) {
    return store.put(with([&](ZipWriter& zip) {
      ZipFile& file = zip.add("zeros", std::string(size, '\0'), 0100644, true);
      if (claimed) file.local.unpacked = file.central.unpacked = *claimed;
    }));
  };
  CHECK(put(100'000, std::nullopt));
  const auto large = put(100'001, std::nullopt);
  REQUIRE_FALSE(large);
  CHECK(large.error() == ServiceError{400, "InvalidParameterValueException",
                                      "Unzipped size must be smaller than 100000 bytes",
                                      "it unpacks to more than 100000 bytes"});
  const auto lying = put(50'000'000, 10);
  REQUIRE_FALSE(lying);
  CHECK(lying.error().message == cannot_unzip);
  CHECK(std::distance(fs::directory_iterator(folder / "code" / ".incoming"), fs::directory_iterator()) == 0);
}

TEST_CASE("the limit on the unpacked size holds for all entries together") {
  const TemporaryFolder folder;
  kiln::CodeLimits limits;
  limits.unpacked_bytes = 100'000;
  CodeStore store(folder / "code", limits);
  const auto result = store.put(with([](ZipWriter& zip) {
    for (int i = 0; i < 11; ++i) zip.add(std::to_string(i), std::string(10'000, 'x'), 0100644, true);
  }));
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "Unzipped size must be smaller than 100000 bytes");
}

TEST_CASE("a gigabyte of zeros in a megabyte is refused with the real limits and words") {
  // Declared honestly: refused before anything is inflated.
  const std::string zip = with([](ZipWriter& writer) {
    ZipFile& file = writer.add("zeros", std::string(1'000'000, '\0'), 0100644, true);
    file.local.unpacked = file.central.unpacked = 1u << 30;
  });
  check_refused({"a bomb", zip}, "Unzipped size must be smaller than 262144000 bytes", "InvalidParameterValueException",
                400);
}

TEST_CASE("a zip over 50 MiB is refused with 413") {
  check_refused({"large", std::string(52'428'801, 'x')}, "Zipped size must be smaller than 52428800 bytes",
                "RequestEntityTooLargeException", 413);
}

TEST_CASE("a zip with more entries than allowed is refused") {
  const std::string zip = with([](ZipWriter& writer) {
    for (int i = 0; i < 20'001; ++i) writer.add(std::to_string(i), "");
  });
  check_refused({"many", zip}, "The uploaded zip must not hold more than 20000 entries",
                "InvalidParameterValueException", 400);
}

TEST_CASE("an upload without content is refused as an empty zip") {
  const char* message = "Uploaded file must be a non-empty zip";
  check_refused({"nothing", ""}, message, "InvalidParameterValueException", 400);
  check_refused({"a zip without entries", ZipWriter().finish()}, message, "InvalidParameterValueException", 400);
}

TEST_CASE("unusual zips that hold no lie are taken") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto taken = [&](const std::string& what, const std::string& bytes) {
    INFO(what);
    const auto result = store.put(bytes);
    INFO((result ? std::string() : result.error().detail));
    CHECK(result.has_value());
  };
  taken("a comment", with([](ZipWriter& zip) {
          zip.add("x", "1");
          zip.end().comment = "made by hand";
        }));
  taken("a comment longer than libarchive looks", with([](ZipWriter& zip) {
          zip.add("x", "2");
          zip.end().comment = std::string(60'000, 'c');
        }));
  taken("a comment that looks like an end record", with([](ZipWriter& zip) {
          zip.add("x", "2b");
          zip.end().comment = std::string("PK\5\6", 4) + std::string(30, '\0');
        }));
  taken("data in front", with([](ZipWriter& zip) {
          zip.add("x", "3");
          zip.prefix() = "#!/usr/bin/env python3\n";
        }));
  taken("zip64 end records", with([](ZipWriter& zip) {
          zip.add("x", "4");
          zip.end().zip64 = true;
        }));
  taken("sizes in a zip64 field", bent([](ZipFile& f) {
          f.central.unpacked = f.central.packed = 0xFFFFFFFF;
          put16(f.central.extra, 1);
          put16(f.central.extra, 16);
          put64(f.central.extra, 15);
          put64(f.central.extra, 15);
        }));
  taken("sizes behind the data", with([](ZipWriter& zip) {
          ZipFile& file = zip.add("x", std::string(1'000, 's'), 0100644, true);
          file.local.flags = file.central.flags = 8;
          put32(file.data, 0x08074b50);
          put32(file.data, file.local.crc);
          put32(file.data, file.local.packed);
          put32(file.data, file.local.unpacked);
          file.local.crc = file.local.packed = file.local.unpacked = 0;
        }));
  taken("names in UTF-8", with([](ZipWriter& zip) {
          ZipFile& file = zip.add("grüße/日本.py", "5");
          file.local.flags = file.central.flags = 0x800;
        }));
  taken("the same folder twice, and the root itself", with([](ZipWriter& zip) {
          zip.folder("./");
          zip.folder("a/");
          zip.folder("a/");
          zip.add("./a/x", "6");
        }));
  taken("names that differ in case", with([](ZipWriter& zip) {
          zip.add("x", "7");
          zip.add("X", "8");
        }));
  taken("no Unix mode", with([](ZipWriter& zip) { zip.add("x", "9", 0).made_by = 0; }));
  taken("entries not in the order of their data", with([](ZipWriter& zip) {
          zip.add("a", "10");
          zip.add("b", "11");
        }));
}

TEST_CASE("setuid, setgid and sticky bits are stripped") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto object = store.put(with([](ZipWriter& zip) {
    zip.add("tool", "x", 0106755);
    zip.add("data", "x", 0107666);
  }));
  REQUIRE(object);
  const fs::path root = *store.task_root(object->sha256_hex);
  CHECK(fs::status(root / "tool").permissions() == static_cast<fs::perms>(0555));
  CHECK(fs::status(root / "data").permissions() == static_cast<fs::perms>(0444));
}

TEST_CASE("a zip with any one byte changed never does harm") {
  const std::string good = with([](ZipWriter& zip) {
    zip.add("index.py", "print('hello')\n", 0100644, true);
    zip.add("pkg/data", "data", 0100644);
  });
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      const auto result = store.check(bytes);
      if (!result) CHECK(result.error().status == 400);
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(store.check(good.substr(0, size)));
}
