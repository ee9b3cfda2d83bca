// SPDX-License-Identifier: Apache-2.0
#include "cli/package.hpp"
#include "cli/failure.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <clocale>
#include <cstdlib>
#include <ctime>

using namespace kiln::cli;
using kiln::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> paths(const Package& package) {
  std::vector<std::string> all;
  for (const auto& entry : package.entries) {
    all.push_back(entry.path);
  }
  return all;
}

// What a server would find in the zip, not what we believe we have written.
Package read_back(const Package& package) {
  const TemporaryFolder folder;
  return read_package(folder.write("p.zip", package.bytes));
}

Failure failure_of(const fs::path& folder) {
  try {
    pack_folder(folder);
  } catch (const CommandFailure& caught) {
    return caught.failure();
  }
  FAIL("packed");
  return {};
}

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a folder is packed in order, with its executable bits, and without what no package needs") {
  const TemporaryFolder folder;
  folder.write("index.py", "def handler(e, c): pass\n");
  folder.write("pkg/data.bin", std::string(100'000, 'x'));
  folder.write("pkg/__pycache__/data.pyc", "no");
  folder.write(".git/config", "no");
  folder.write("build/index.so", "no");
  fs::permissions(folder.write("bin/tool", "#!/bin/sh\n"), fs::perms::owner_all);

  const auto package = pack_folder(folder.path());
  CHECK(paths(package) == std::vector<std::string>{"bin/tool", "index.py", "pkg/data.bin"});
  const auto back = read_back(package);
  CHECK(paths(back) == paths(package));
  CHECK(back.holds("bin/tool", true));
  CHECK(back.holds("index.py"));
  CHECK_FALSE(back.holds("index.py", true));
  CHECK(back.entries[2].size == 100'000);
  CHECK(package.bytes.size() < 2'000);
}

TEST_CASE("the same files give the same bytes, whatever their times, modes, order and the time zone") {
  const TemporaryFolder first;
  first.write("a.py", "a");
  first.write("b/c.py", "c");
  const auto package = pack_folder(first.path());
  const TemporaryFolder second;
  second.write("b/c.py", "c");
  fs::permissions(second.write("a.py", "a"), fs::perms::owner_read | fs::perms::owner_write);
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ::utimensat(AT_FDCWD, (second.path() / "a.py").c_str(), times, 0);
  for (const auto* zone : {"UTC", "Pacific/Kiritimati", "America/Los_Angeles"}) {
    CAPTURE(zone);
    ::setenv("TZ", zone, 1);
    ::tzset();
    CHECK(pack_folder(second.path()).code_sha256() == package.code_sha256());
  }
  ::unsetenv("TZ");
  ::tzset();
  second.write("a.py", "b");
  CHECK(pack_folder(second.path()).code_sha256() != package.code_sha256());
}

TEST_CASE("names that are not ASCII survive the C locale") {
  const TemporaryFolder folder;
  folder.write(
      "gr\xc3\xbc\xc3\x9f"
      "e/\xe6\x97\xa5.py",
      "x");
  std::setlocale(LC_ALL, "C");
  const auto package = pack_folder(folder.path());
  CHECK(paths(read_back(package)) == std::vector<std::string>{"gr\xc3\xbc\xc3\x9f"
                                                              "e/\xe6\x97\xa5.py"});
}

TEST_CASE("a .kilnignore leaves out more, and takes in again") {
  const TemporaryFolder folder;
  folder.write("index.py", "");
  folder.write("notes.md", "no");
  folder.write("tests/t.py", "no");
  folder.write("build/kept.txt", "yes");
  folder.write(".kilnignore", "*.md\ntests/\n!/build/\n");
  CHECK(paths(pack_folder(folder.path())) == std::vector<std::string>{"build/kept.txt", "index.py"});
}

TEST_CASE("a link inside the folder is packed as what it points to") {
  const TemporaryFolder folder;
  folder.write("real/module.py", "x = 1\n");
  fs::create_symlink("real/module.py", folder.path() / "index.py");
  fs::create_directory_symlink("real", folder.path() / "alias");
  const auto back = read_back(pack_folder(folder.path()));
  CHECK(paths(back) == std::vector<std::string>{"alias/module.py", "index.py", "real/module.py"});
  CHECK(back.entries[1].size == 6);
}

TEST_CASE("a link that leads out of the folder is refused by name") {
  const TemporaryFolder outside;
  outside.write("secret", "s");
  const TemporaryFolder folder;
  folder.write("index.py", "");
  SECTION("by an absolute path") { fs::create_symlink(outside.path() / "secret", folder.path() / "stolen"); }
  SECTION("by climbing") {
    fs::create_symlink("../" + outside.path().filename().string() + "/secret", folder.path() / "stolen");
  }
  SECTION("as a folder") { fs::create_directory_symlink(outside.path(), folder.path() / "stolen"); }
  SECTION("to a folder whose name begins with ours") {
    const auto sibling = fs::path(folder.path().string() + "-more");
    fs::create_directory(sibling);
    fs::create_directory_symlink(sibling, folder.path() / "stolen");
    const auto failure = failure_of(folder.path());
    fs::remove(sibling);
    CHECK(mentions(failure.message, "outside"));
  }
  if (fs::exists(folder.path() / "stolen")) {
    const auto failure = failure_of(folder.path());
    CHECK(failure.code == ExitCode::local_input);
    CHECK(mentions(failure.message, "stolen is a link to "));
    CHECK(mentions(failure.message, "outside the folder"));
    folder.write(".kilnignore", "stolen\n");
    CHECK(paths(pack_folder(folder.path())) == std::vector<std::string>{"index.py"});
  }
}

TEST_CASE("a link that leads nowhere or into itself is refused") {
  const TemporaryFolder folder;
  folder.write("index.py", "");
  SECTION("nowhere") {
    fs::create_symlink("gone", folder.path() / "broken");
    CHECK(mentions(failure_of(folder.path()).message, "broken is a link to gone, which leads nowhere"));
  }
  SECTION("into a folder around it") {
    fs::create_directories(folder.path() / "a/b");
    fs::create_directory_symlink("..", folder.path() / "a/b/up");
    CHECK(mentions(failure_of(folder.path()).message, "a/b/up is a link to .., a folder that it lies in itself"));
  }
  SECTION("to itself") {
    fs::create_symlink("loop", folder.path() / "loop");
    CHECK(mentions(failure_of(folder.path()).message, "loop is a link"));
  }
}

TEST_CASE("a pipe in the folder is refused, not waited on") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  CHECK(mentions(failure_of(folder.path()).message, "pipe is neither a file nor a folder"));
}

TEST_CASE("an empty folder is refused") {
  const TemporaryFolder folder;
  CHECK(mentions(failure_of(folder.path()).message, "holds no file to pack"));
  folder.write(".git/config", "x");
  CHECK(mentions(failure_of(folder.path()).message, "holds no file to pack"));
}

TEST_CASE("more than a package may unpack to is refused before it is read") {
  const TemporaryFolder folder;
  fs::resize_file(folder.write("huge", ""), 262'144'001);
  CHECK(mentions(failure_of(folder.path()).message, "262.1 MB"));
}

TEST_CASE("what is no zip is refused by name") {
  const TemporaryFolder folder;
  for (const auto* content : {"", "hello", "PK but not really", "PK\x03\x04"}) {
    CAPTURE(content);
    const auto file = folder.write("function.zip", content);
    try {
      read_package(file);
      FAIL("accepted");
    } catch (const CommandFailure& caught) {
      CHECK(caught.failure().code == ExitCode::local_input);
      CHECK(mentions(caught.failure().message, "function.zip"));
    }
  }
  CHECK_THROWS_AS(read_package(folder.path() / "missing.zip"), CommandFailure);
  CHECK_THROWS_AS(read_package(folder.path()), CommandFailure);
}

TEST_CASE("the hash of a package is what the service calls CodeSha256") {
  CHECK(Package{.bytes = "abc", .entries = {}}.code_sha256() == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}
