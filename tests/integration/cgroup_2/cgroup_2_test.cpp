// SPDX-License-Identifier: Apache-2.0
// Control groups of version 2 on the kernel's own tree, as far as one is to be had beside version 1: with whichever controller
// it has. As root, in a mount namespace of the test's own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "runtime-api/control-server/launchers/cgroup.hpp"
#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/zygote_program.hpp"

using kiln::Cgroup;
using kiln::CgroupTree;
using kiln::Descriptor;
namespace fs = std::filesystem;

namespace {

std::string get(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  INFO(file.string() << ": " << text);
  REQUIRE(out.good());
}

bool holds(const fs::path& group, int pid) {
  std::istringstream pids(get(group / "cgroup.procs"));
  for (int each = 0; pids >> each;) {
    if (each == pid) return true;
  }
  return false;
}

/// A process that waits to be killed.
pid_t start_sleeper() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) ::pause();
  }
  REQUIRE(pid > 0);
  return pid;
}

/// The same, but whose parent is gone.
pid_t start_stranger() {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t between = ::fork();
  if (between == 0) {
    const pid_t stranger = ::fork();
    if (stranger == 0) {
      for (;;) ::pause();
    }
    ::_exit(::write(ends[1], &stranger, sizeof stranger) == sizeof stranger ? 0 : 1);
  }
  pid_t stranger = 0;
  REQUIRE(::read(ends[0], &stranger, sizeof stranger) == sizeof stranger);
  ::waitpid(between, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  REQUIRE(stranger > 0);
  return stranger;
}

/// A group in the tree, with this process in it, which goes back where it was.
class OwnGroup {
 public:
  OwnGroup() {
    REQUIRE(::geteuid() == 0);  // these tests need root: control groups do
    const std::string line = get("/proc/self/cgroup");
    const auto at = line.find("0::/");
    before_ = at == std::string::npos ? "" : line.substr(at + 4, line.find('\n', at) - at - 4);
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount("none", folder_.path().c_str(), "cgroup2", 0, nullptr) == 0);
    std::istringstream(get(folder_.path() / "cgroup.controllers")) >> controller_;
    INFO("no controller is left to version 2");
    REQUIRE_FALSE(controller_.empty());
    enabled_ = get(folder_.path() / "cgroup.subtree_control").find(controller_) != std::string::npos;
    if (!enabled_) put(folder_.path() / "cgroup.subtree_control", "+" + controller_);
    group_ = folder_.path() / ("kiln-test-" + std::to_string(::getpid()));
    fs::create_directory(group_);
    put(group_ / "cgroup.procs", std::to_string(::getpid()));
  }
  ~OwnGroup() {
    std::ofstream(folder_.path() / before_ / "cgroup.procs") << ::getpid() << std::flush;
    for (const fs::path& group : {group_ / "kiln-server", group_}) ::rmdir(group.c_str());
    if (!enabled_) std::ofstream(folder_.path() / "cgroup.subtree_control") << "-" + controller_ << std::flush;
    ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  OwnGroup(const OwnGroup&) = delete;
  OwnGroup& operator=(const OwnGroup&) = delete;

  const fs::path& path() const { return group_; }
  const std::string& controller() const { return controller_; }
  CgroupTree::Where where() const {
    CgroupTree::Where where;
    where.version = 2;
    where.memory = where.cpu = where.pids = where.freezer = group_;
    where.controllers = "+" + controller_;
    return where;
  }

 private:
  const kiln::test::TemporaryFolder folder_;
  std::string before_;
  std::string controller_;
  bool enabled_ = false;
  fs::path group_;
};

bool becomes(const fs::path& file, const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (get(file).find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE(
    "a server moves itself and what it has started out of its group's way, and ends what is in a group of its own") {
  const OwnGroup own;
  const pid_t sleeper = start_sleeper();
  REQUIRE(holds(own.path(), sleeper));
  {
    CgroupTree tree(own.where(), true);
    CHECK(get(own.path() / "cgroup.procs").empty());
    CHECK(holds(own.path() / "kiln-server", ::getpid()));
    CHECK(holds(own.path() / "kiln-server", sleeper));
    CHECK(get(own.path() / "cgroup.subtree_control") == own.controller() + "\n");
    Cgroup group = tree.make();
    const fs::path place = tree.where().memory / "1";
    CHECK(get(place / "cgroup.controllers") == own.controller() + "\n");
    group.join(sleeper);
    CHECK(holds(place, sleeper));
    CHECK(group.freeze());
    CHECK(becomes(place / "cgroup.events", "frozen 1"));
    group.thaw();
    CHECK(becomes(place / "cgroup.events", "frozen 0"));
    group.kill_all();
    int status = 0;
    REQUIRE(::waitpid(sleeper, &status, 0) == sleeper);
    CHECK(WTERMSIG(status) == SIGKILL);
    CHECK(group.remove());
    CHECK_FALSE(fs::exists(place));
    // A second tree of one process, as after a probe, needs no further move.
    const CgroupTree again(own.where(), true);
    CHECK(again.where().memory != tree.where().memory);
    CHECK_FALSE(fs::exists(own.path() / "kiln-server" / "kiln-server"));
  }
  for (const auto& entry : fs::directory_iterator(own.path())) {
    CHECK((!entry.is_directory() || entry.path().filename() == "kiln-server"));
  }
}

TEST_CASE("what is executed in a group is in it from its first instruction on") {
  const OwnGroup own;
  CgroupTree tree(own.where());
  Cgroup group = tree.make();
  const Descriptor folder = group.folder();
  REQUIRE(folder);
  const Descriptor elsewhere(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const bool possible : {true, false}) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    Descriptor read_end(ends[0]);
    Descriptor write_end(ends[1]);
    kiln::SpawnRequest request;
    request.executable = "/bin/cat";
    request.arguments = {"/proc/self/cgroup"};
    request.working_directory = "/";
    request.output = write_end.get();
    request.namespaces = CLONE_NEWUTS;
    request.group = possible ? folder.get() : elsewhere.get();
    const kiln::SpawnResult spawned = kiln::spawn_process(request);
    REQUIRE_FALSE(spawned.error);
    write_end.reset();
    std::string said;
    char buffer[4096];
    for (ssize_t size = 0; (size = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) said.append(buffer, size);
    int status = -1;
    REQUIRE(::waitpid(spawned.pid, &status, 0) == spawned.pid);
    CHECK(status == 0);
    CHECK(spawned.in_group == possible);
    const std::string place = (tree.where().memory.filename() / "1\n").string();
    CHECK((said.find(place) != std::string::npos) == possible);
  }
  CHECK(group.remove());
}

TEST_CASE("the forks of a zygote are in their group from the beginning") {
  const OwnGroup own;
  CgroupTree tree(own.where());
  Cgroup group = tree.make();
  const Descriptor folder = group.folder();
  const kiln::OrphanGuard guard;
  kiln::Zygote zygote(kiln::test::python_zygote(), guard);
  kiln::ControlPair control = kiln::make_control();
  const int descriptors[] = {control.theirs.get(), folder.get()};
  const kiln::sandbox::Forked forked = zygote.fork({&kiln::sandbox::fork_request, 1}, descriptors);
  CHECK(forked.in_group);
  CHECK(holds(tree.where().memory / "1", forked.pid));
  ::kill(forked.pid, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(forked.pid, &status, 0) == forked.pid);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(group.remove());
}

TEST_CASE("a server that is not alone in its group says who else is there, and what to do") {
  const OwnGroup own;
  const pid_t stranger = start_stranger();
  std::string why;
  try {
    const CgroupTree tree(own.where(), true);
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  CHECK(why.find("(" + std::to_string(stranger) + ")") != std::string::npos);
  CHECK(why.find("Delegate=yes") != std::string::npos);
  CHECK(holds(own.path(), stranger));
  ::kill(stranger, SIGKILL);
  CHECK(becomes(own.path() / "cgroup.events", "populated 1"));  // this process is, further down
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (holds(own.path(), stranger) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK_FALSE(holds(own.path(), stranger));
}
