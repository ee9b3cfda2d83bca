// SPDX-License-Identifier: Apache-2.0
// When a zygote is replaced, and what becomes of those it has forked: nothing. As root, as its namespaces need.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/zygote_program.hpp"

using kiln::ControlPair;
using kiln::Zygote;
using kiln::ZygoteOptions;
using kiln::test::python_zygote;

namespace {

/// Its forks wait for as long as their sockets are open.
class Forks {
 public:
  explicit Forks(ZygoteOptions options) : zygote_(std::move(options), guard_) {}
  ~Forks() {
    for (const int pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  Forks(const Forks&) = delete;
  Forks& operator=(const Forks&) = delete;

  /// Returns the zygote that has made it.
  int fork() {
    sockets_.push_back(kiln::make_control());
    const int theirs = sockets_.back().theirs.get();
    pids_.push_back(zygote_.fork({&kiln::sandbox::fork_request, 1}, {&theirs, 1}).pid);
    sockets_.back().theirs.reset();
    return zygote_.pid();
  }
  bool all_live() const {
    for (const int pid : pids_) {
      siginfo_t ended{};
      if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0) {
        return false;
      }
    }
    return true;
  }
  Zygote& zygote() { return zygote_; }

 private:
  const kiln::OrphanGuard guard_;
  Zygote zygote_;
  std::vector<ControlPair> sockets_;
  std::vector<int> pids_;
};

bool exists(int pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a zygote that has forked as often as it may is replaced, and its forks live on") {
  ZygoteOptions wanted = python_zygote();
  wanted.most_forks = 2;
  Forks forks(std::move(wanted));
  CHECK(forks.zygote().pid() == -1);  // until it is needed
  const int first = forks.fork();
  CHECK(forks.fork() == first);
  const int second = forks.fork();
  CHECK(second != first);
  CHECK_FALSE(exists(first));
  CHECK(forks.fork() == second);
  CHECK(forks.fork() != second);
  CHECK(forks.all_live());
}

TEST_CASE("a zygote that is old is replaced") {
  ZygoteOptions wanted = python_zygote();
  wanted.longest_life = std::chrono::seconds(0);
  Forks forks(std::move(wanted));
  const int first = forks.fork();
  CHECK(forks.fork() != first);
  CHECK_FALSE(exists(first));
  CHECK(forks.all_live());
}

TEST_CASE("a zygote that has been killed is replaced by whoever asks it next") {
  Forks forks(python_zygote());
  const int first = forks.fork();
  ::kill(first, SIGKILL);
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(first), &ended, WEXITED | WNOWAIT) == 0);
  CHECK(forks.all_live());
  CHECK(forks.fork() != first);
  CHECK(forks.all_live());
}
