// SPDX-License-Identifier: Apache-2.0
// What has been answered stays, and what has not been finished is not seen: kills in the middle, and full disks.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <system_error>

#include "runtime-api/control-server/catalog/catalog.hpp"
#include "runtime-api/control-server/catalog/code_store.hpp"
#include "tests/unit/catalog/result_text.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"
#include "tests/unit/catalog/zip_writer.hpp"

namespace fs = std::filesystem;
using namespace kiln;
using namespace kiln::test;

namespace {

FunctionConfiguration function(const std::string& name) {
  FunctionConfiguration out;
  out.name = name;
  out.code_sha256_hex = std::string(64, 'a');
  return out;
}

std::string large_zip(int files) {
  ZipWriter zip;
  for (int i = 0; i < files; ++i) {
    zip.add("pkg" + std::to_string(i % 7) + "/f" + std::to_string(i),
            std::string(20'000, static_cast<char>('a' + i % 26)), 0100644, true);
  }
  return zip.finish();
}

std::size_t leftovers(const fs::path& root) {
  const fs::directory_iterator all(root / ".incoming");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Runs `body` in a child process that never comes back from it by itself.
template <typename Body>
pid_t in_child(Body body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      body();
    } catch (...) {
      // The parent sees that nothing more comes.
    }
    ::_exit(0);
  }
  return child;
}

void kill_and_wait(pid_t child) {
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

/// Files may not grow beyond `bytes` while this lives: writes fail as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

}  // namespace

TEST_CASE("every function whose creation was answered is there after a kill -9") {
  const TemporaryFolder folder;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = in_child([&] {
    Catalog catalog(folder / "kiln.db", {});
    for (unsigned i = 0;; ++i) {
      if (!catalog.create(function("f" + std::to_string(i)))) return;
      if (::write(pipe[1], &i, sizeof i) != sizeof i) return;
    }
  });
  ::close(pipe[1]);
  unsigned answered = 0;
  while (answered < 30) REQUIRE(::read(pipe[0], &answered, sizeof answered) == sizeof answered);
  kill_and_wait(child);
  while (::read(pipe[0], &answered, sizeof answered) == sizeof answered) {
  }
  ::close(pipe[0]);

  const Catalog catalog(folder / "kiln.db", {});
  for (unsigned i = 0; i <= answered; ++i) {
    INFO(i);
    CHECK(catalog.find("f" + std::to_string(i)));
  }
  CHECK(catalog.all().size() <= answered + 2);  // the last one may have been stored and not yet answered
}

TEST_CASE("a kill -9 in the middle of an upload leaves nothing to be seen, and the next start cleans up") {
  const TemporaryFolder folder;
  const fs::path root = folder / "code";
  const std::string zip = large_zip(2'000);
  const CodeStore first(root);
  const pid_t child = in_child([&] {
    CodeStore store(root);
    while (store.put(zip)) store.collect({});
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::error_code ignored;
  const auto unpacking = [&] {
    std::size_t entries = 0;
    for (fs::recursive_directory_iterator it(root / ".incoming", ignored), end; it != end && entries < 50;
         it.increment(ignored)) {
      ++entries;
    }
    return entries >= 50;
  };
  while (!unpacking()) REQUIRE(std::chrono::steady_clock::now() < deadline);
  kill_and_wait(child);

  CodeStore store(root);
  CHECK(leftovers(root) == 0);
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (name != ".incoming") CHECK(store.verify(name));
  }
  const auto object = store.put(zip);
  REQUIRE(object);
  CHECK(store.verify(object->sha256_hex));
}

TEST_CASE(
    "an upload that finds the disk full fails as a platform error, leaves nothing, and works once there is room") {
  const TemporaryFolder folder;
  CodeStore store(folder / "code");
  const std::string zip = large_zip(20);
  for (const rlim_t room : {0u, 100u, 19'999u}) {
    const FullDisk full(room);
    CHECK_THROWS_AS(store.put(zip), std::system_error);
  }
  CHECK(leftovers(folder / "code") == 0);
  const auto object = store.put(zip);
  REQUIRE(object);
  CHECK(store.verify(object->sha256_hex));
}

TEST_CASE("a catalog that finds the disk full fails that one call, and goes on once there is room") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  REQUIRE(catalog.create(function("before")));
  {
    const FullDisk full(0);
    CHECK_THROWS_AS(catalog.create(function("during")), std::runtime_error);
    CHECK(catalog.find("before"));
  }
  CHECK_FALSE(catalog.find("during"));
  CHECK(catalog.create(function("after")));
  CHECK(catalog.all().size() == 2);
}
