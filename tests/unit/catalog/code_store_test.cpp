// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/code_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "runtime-api/control-server/catalog/digest.hpp"
#include "tests/unit/catalog/result_text.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"
#include "tests/unit/catalog/zip_writer.hpp"

namespace fs = std::filesystem;
using kiln::CodeStore;
using namespace kiln::test;

namespace {

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

unsigned mode_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// Names of what a store shows, hidden folders left out.
std::vector<std::string> objects(const fs::path& root) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().filename().string().front() != '.') out.push_back(entry.path().filename().string());
  }
  return out;
}

std::size_t leftovers(const fs::path& root) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(root / ".incoming")) count += entry.exists() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("an uploaded zip is unpacked read-only under its hash") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  ZipWriter zip;
  zip.add("index.py", "print('x')\n", 0100644, true);
  zip.add("bin/tool", "#!/bin/sh\n", 0100755);
  zip.folder("empty/");
  zip.add("a/b/c/deep.txt", std::string(300'000, 'd'), 0100600, true);
  const std::string bytes = zip.finish();

  const auto object = store.put(bytes);
  REQUIRE(object);
  CHECK(object->sha256_hex == kiln::sha256(bytes).hex());
  CHECK(object->sha256_base64 == kiln::sha256(bytes).base64());
  CHECK(object->packed_bytes == bytes.size());
  const auto root = store.task_root(object->sha256_hex);
  REQUIRE(root);
  CHECK(content_of(*root / "index.py") == "print('x')\n");
  CHECK(content_of(*root / "a/b/c/deep.txt") == std::string(300'000, 'd'));
  CHECK(mode_of(*root / "index.py") == 0444);
  CHECK(mode_of(*root / "a/b/c/deep.txt") == 0444);
  CHECK(mode_of(*root / "bin/tool") == 0555);
  CHECK(mode_of(*root / "empty") == 0555);
  CHECK(mode_of(*root / "a/b") == 0555);
  CHECK(mode_of(*root) == 0555);
  CHECK(store.read_package(object->sha256_hex) == bytes);
  CHECK(leftovers(folder / "code") == 0);
}

TEST_CASE("code can be read by other users whatever the server's umask is") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(077);
  CodeStore store(folder / "code");
  ZipWriter zip;
  zip.add("pkg/index.py", "x");
  const auto object = store.put(zip.finish());
  ::umask(before);
  REQUIRE(object);
  const auto root = store.task_root(object->sha256_hex);
  CHECK(mode_of(*root / "pkg/index.py") == 0444);
  CHECK(mode_of(*root / "pkg") == 0555);
  CHECK(mode_of(root->parent_path()) == 0755);
}

TEST_CASE("the same content is unpacked once") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto first = store.put(hello_zip());
  REQUIRE(first);
  struct stat before{};
  REQUIRE(::stat((*store.task_root(first->sha256_hex) / "index.py").c_str(), &before) == 0);
  const auto second = store.put(hello_zip());
  REQUIRE(second);
  struct stat after{};
  REQUIRE(::stat((*store.task_root(first->sha256_hex) / "index.py").c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);
  CHECK(objects(folder / "code").size() == 1);
}

TEST_CASE("two threads may upload the same content at once") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  ZipWriter zip;
  for (int i = 0; i < 50; ++i) zip.add("f" + std::to_string(i), std::string(10'000, 'x'), 0100644, true);
  const std::string bytes = zip.finish();
  bool first = false;
  bool second = false;
  std::thread other([&] { first = store.put(bytes).has_value(); });
  second = store.put(bytes).has_value();
  other.join();
  CHECK(first);
  CHECK(second);
  CHECK(objects(folder / "code").size() == 1);
  CHECK(leftovers(folder / "code") == 0);
  CHECK(store.verify(kiln::sha256(bytes).hex()));
}

TEST_CASE("what an interrupted upload left behind is never visible and is removed at the next start") {
  const TemporaryFolder folder;
  {
    CodeStore store(folder / "code");
    REQUIRE(store.put(hello_zip()));
  }
  // As a crash in the middle of unpacking leaves it.
  const fs::path half = folder / "code" / ".incoming" / "crashed" / "task";
  fs::create_directories(half / "pkg");
  std::ofstream(half / "pkg" / "index.py") << "half";
  fs::permissions(half / "pkg", fs::perms::owner_read | fs::perms::owner_exec);

  CodeStore store(folder / "code");
  CHECK(leftovers(folder / "code") == 0);
  CHECK(objects(folder / "code").size() == 1);
  CHECK_FALSE(store.task_root("crashed"));
}

TEST_CASE("code that nothing refers to is collected, the rest stays") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto kept = store.put(hello_zip("kept"));
  const auto dropped = store.put(hello_zip("dropped"));
  REQUIRE(kept);
  REQUIRE(dropped);
  CHECK(store.collect({kept->sha256_hex}) == 1);
  CHECK(store.task_root(kept->sha256_hex));
  CHECK_FALSE(store.task_root(dropped->sha256_hex));
  CHECK(store.collect({kept->sha256_hex}) == 0);
  CHECK(store.put(hello_zip("dropped")));
}

TEST_CASE("a changed, missing or added file is found by verify") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto object = store.put(hello_zip());
  REQUIRE(object);
  REQUIRE(store.verify(object->sha256_hex));
  const fs::path root = *store.task_root(object->sha256_hex);
  fs::permissions(root, fs::perms::owner_all);

  SECTION("one bit of a file") {
    const fs::path file = root / "index.py";
    std::string bytes = content_of(file);
    bytes[5] = static_cast<char>(bytes[5] ^ 1);
    fs::permissions(file, fs::perms::owner_all);
    std::ofstream(file, std::ios::binary) << bytes;
    CHECK_FALSE(store.verify(object->sha256_hex));
  }
  SECTION("a file gone") {
    fs::remove(root / "index.py");
    CHECK_FALSE(store.verify(object->sha256_hex));
  }
  SECTION("a file more") {
    std::ofstream(root / "extra.py") << "x";
    CHECK_FALSE(store.verify(object->sha256_hex));
  }
  SECTION("one bit of the package") {
    const fs::path zip = root.parent_path() / "package.zip";
    std::string bytes = content_of(zip);
    bytes[3] = static_cast<char>(bytes[3] ^ 1);
    fs::permissions(zip, fs::perms::owner_all);
    std::ofstream(zip, std::ios::binary) << bytes;
    CHECK_FALSE(store.verify(object->sha256_hex));
  }
}

TEST_CASE("what is touched after it was written or verified is found by the look before a cold start") {
  const TemporaryFolder folder;
  const std::string root = folder / "code";
  const auto object = CodeStore(root).put(hello_zip());
  REQUIRE(object);
  const CodeStore store(root);  // as after a restart: it has verified nothing yet
  REQUIRE(store.intact(object->sha256_hex));
  const fs::path file = *store.task_root(object->sha256_hex) / "index.py";
  struct stat before{};
  REQUIRE(::stat(file.c_str(), &before) == 0);
  const std::string good = content_of(file);

  SECTION("one bit, with the size and the time put back") {
    std::string bytes = good;
    bytes[5] = static_cast<char>(bytes[5] ^ 1);
    fs::permissions(file, fs::perms::owner_all);
    std::ofstream(file, std::ios::binary) << bytes;
    fs::permissions(file, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
    CHECK_FALSE(store.intact(object->sha256_hex));
    CHECK_FALSE(CodeStore(root).intact(object->sha256_hex));
  }
  SECTION("a file more") {
    fs::permissions(file.parent_path(), fs::perms::owner_all);
    std::ofstream(file.parent_path() / "extra.py") << "x";
    CHECK_FALSE(store.intact(object->sha256_hex));
  }
  SECTION("touched, but with the same content") {
    fs::permissions(file, fs::perms::owner_all);
    CHECK(store.intact(object->sha256_hex));
  }
  SECTION("the same content again repairs it") {
    fs::permissions(file, fs::perms::owner_all);
    std::ofstream(file, std::ios::binary) << "something else";
    CodeStore repairing(root);
    REQUIRE(repairing.put(hello_zip()));
    CHECK(content_of(file) == good);
    CHECK(repairing.intact(object->sha256_hex));
    CHECK(leftovers(root) == 0);
  }
}

TEST_CASE("the times of a zip are kept, because Python compares them with its compiled files") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto object = store.put(hello_zip());
  REQUIRE(object);
  struct stat status{};
  REQUIRE(::stat((*store.task_root(object->sha256_hex) / "index.py").c_str(), &status) == 0);
  // 2025-01-01 12:00 local time, give or take a time zone.
  CHECK(status.st_mtime > 1'735'646'400);
  CHECK(status.st_mtime < 1'735'819'200);
}

TEST_CASE("a dry run judges and keeps nothing") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const auto object = store.check(hello_zip());
  REQUIRE(object);
  CHECK(object->sha256_hex == kiln::sha256(hello_zip()).hex());
  CHECK(objects(folder / "code").empty());
  CHECK_FALSE(store.check("no zip"));
}

TEST_CASE("a name that is no hash finds nothing") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  CHECK_FALSE(store.task_root(""));
  CHECK_FALSE(store.task_root(".."));
  CHECK_FALSE(store.task_root("../../etc"));
  CHECK_FALSE(store.task_root(std::string(64, 'A')));
  CHECK_FALSE(store.read_package(std::string(64, 'a')));
}
