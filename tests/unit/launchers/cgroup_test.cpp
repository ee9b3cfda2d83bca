// SPDX-License-Identifier: Apache-2.0
// Version 2 on a folder that stands for its tree: the machines that CI has offer version 1, which the integration tests use.
#include "runtime-api/control-server/launchers/cgroup.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using kiln::Cgroup;
using kiln::CgroupTree;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& file, const std::string& text = {}) { std::ofstream(file) << text; }

std::string get(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

CgroupTree::Where version_2(const fs::path& group) {
  CgroupTree::Where where;
  where.version = 2;
  where.memory = where.cpu = where.pids = where.freezer = group;
  return where;
}

/// As a server has its own.
class LockedFolder {
 public:
  explicit LockedFolder(const fs::path& path) : lock_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    REQUIRE(::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0);
  }

 private:
  kiln::Descriptor lock_;
};

/// The kernel makes a group's files with the group; here the test does.
void make_files(const fs::path& group) {
  for (const char* const name : {"cgroup.procs", "cgroup.subtree_control", "memory.max", "memory.swap.max",
                                 "cpu.weight", "cpu.max", "pids.max", "cgroup.kill"}) {
    put(group / name);
  }
}

}  // namespace

TEST_CASE("limits of version 2: memory with room for files, no swap, shares, whole processors, processes") {
  const kiln::test::TemporaryFolder folder;
  const fs::path own = folder.path() / ("kiln-" + std::to_string(::getpid()));
  put(folder.path() / "cgroup.subtree_control");
  fs::create_directory(own);
  make_files(own);
  CgroupTree tree(version_2(folder.path()));
  CHECK(get(folder.path() / "cgroup.subtree_control") == "+memory +cpu +pids");
  CHECK(get(own / "cgroup.subtree_control") == "+memory +cpu +pids");

  const Cgroup group = tree.make();
  const fs::path place = own / "1";
  REQUIRE(fs::is_directory(place));
  make_files(place);
  group.limit({1769 * 2, 512, 1024});
  CHECK(get(place / "memory.max") == std::to_string((1769LL * 2 + 512) << 20));
  CHECK(get(place / "memory.swap.max") == "0");
  CHECK(get(place / "cpu.weight") == "200");
  CHECK(get(place / "cpu.max") == "200000 100000");
  CHECK(get(place / "pids.max") == "1024");
  group.join(4711);
  CHECK(get(place / "cgroup.procs") == "4711");
  group.kill_all();
  CHECK(get(place / "cgroup.kill") == "1");

  make_files(place);
  group.limit({128, 0, 64});
  CHECK(get(place / "cpu.weight") == "7");
  CHECK(get(place / "cpu.max") == "100000 100000");
}

TEST_CASE("what version 2 says of a group") {
  const kiln::test::TemporaryFolder folder;
  const fs::path own = folder.path() / ("kiln-" + std::to_string(::getpid()));
  put(folder.path() / "cgroup.subtree_control");
  fs::create_directories(own / "1");
  make_files(own);
  put(own / "1" / "memory.peak", "10485760\n");
  put(own / "1" / "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n");
  put(own / "1" / "pids.events", "max 3\n");
  CgroupTree tree(version_2(folder.path()));
  const Cgroup group = tree.make();
  CHECK(group.peak_memory_kib() == 10240);
  CHECK(group.out_of_memory_kills() == 1);
  CHECK(group.refused_processes() == 3);
}

TEST_CASE("groups of a server that is gone are removed, those of one that lives are not") {
  const kiln::test::TemporaryFolder folder;
  put(folder.path() / "cgroup.subtree_control");
  const std::string number = std::to_string(::getpid());
  const fs::path gone = folder.path() / "kiln-2000000000";  // beyond any number the kernel gives
  const fs::path alive = folder.path() / "kiln-2000000001";
  // Of a server whose number is somebody else's now, and of one of this very number.
  const fs::path reused = folder.path() / ("kiln-" + std::to_string(::getppid()));
  const fs::path own = folder.path() / ("kiln-" + number);
  fs::create_directories(gone / "3");
  fs::create_directories(alive / "1");
  fs::create_directories(reused / "1");
  fs::create_directories(own / "7");
  fs::create_directories(folder.path() / "kiln-server");
  fs::create_directories(folder.path() / "kiln-oci-1");
  const LockedFolder lock(alive);
  CgroupTree::Where where = version_2(folder.path());
  where.version = 1;  // nothing to be handed down
  const CgroupTree tree(where, true);
  CHECK_FALSE(fs::exists(gone));
  CHECK_FALSE(fs::exists(reused));
  CHECK(fs::exists(alive / "1"));
  CHECK(fs::exists(folder.path() / "kiln-server"));
  CHECK(fs::exists(folder.path() / "kiln-oci-1"));
  CHECK(tree.where().memory == own);
  CHECK(fs::is_empty(own));
}

TEST_CASE("a server whose name is another's, of another process namespace, takes the next") {
  const kiln::test::TemporaryFolder folder;
  const fs::path theirs = folder.path() / ("kiln-" + std::to_string(::getpid()));
  fs::create_directories(theirs / "1");
  const LockedFolder lock(theirs);
  CgroupTree::Where where = version_2(folder.path());
  where.version = 1;
  {
    const CgroupTree tree(where, true);
    CHECK(tree.where().memory == theirs.string() + "-1");
    CHECK(fs::exists(tree.where().memory));
  }
  CHECK_FALSE(fs::exists(theirs.string() + "-1"));
  CHECK(fs::exists(theirs / "1"));
}

TEST_CASE("a tree that cannot be written says why, and what to do") {
  const kiln::test::TemporaryFolder folder;
  const fs::path none = folder.path() / "no";
  std::string why;
  try {
    const CgroupTree tree(version_2(none));
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  CHECK(why.find("Delegate=yes") != std::string::npos);
}
