// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <vector>

#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr long mib = 1024;  // in KiB

struct Ended {
  ExitStatus status;
  long peak_kib = 0;
  int pid = 0;
};

/// What is seen of a shell command from its start to its end.
Ended run_shell(const std::string& command) {
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.executable = "/bin/sh";
  request.arguments = {"-c", command};
  request.environment = {"PATH=/usr/bin:/bin"};
  request.working_directory = "/";
  request.output = null.get();
  const SpawnResult spawned = spawn_process(request);
  REQUIRE_FALSE(spawned.error);

  LoopRunner runner;
  Ended ended;
  ended.pid = spawned.pid;
  const auto watch = [&](ChildProcess& child) -> Task<void> {
    ended.status = co_await child.exited();
    ended.peak_kib = child.peak_memory_kib();
  };
  ChildProcess child(runner.loop(), spawned.pid, spawned.borrowed_peak_kib);
  runner.run(watch(child));
  return ended;
}

}  // namespace

TEST_CASE("The peak memory of a process is known after its end") {
  const Ended ended = run_shell("head -c 150000000 /dev/zero | tail -c 150000000 > /dev/null; exit 3");
  CHECK(ended.status.code == 3);
  CHECK(ended.peak_kib > 140 * mib);
  CHECK(ended.peak_kib < 300 * mib);
}

TEST_CASE("A process is not charged with the server's memory, on which it was started") {
  const std::vector<char> large(200'000'000, 'x');
  const Ended ended = run_shell("exit 0");
  CHECK(ended.status.code == 0);
  CHECK(ended.peak_kib < 50 * mib);
  CHECK(large.back() == 'x');
}

TEST_CASE("How a process ended is told as exit status or signal, and it leaves no zombie") {
  const Ended exited = run_shell("exit 42");
  CHECK(exited.status.code == 42);
  CHECK(exited.status.signal == 0);
  const Ended killed = run_shell("kill -SEGV $$");
  CHECK(killed.status.signal == SIGSEGV);
  for (const int pid : {exited.pid, killed.pid}) {
    errno = 0;
    CHECK(::waitpid(pid, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
  }
}

TEST_CASE("What a process leaves behind in its group is killed with its end") {
  const std::string file = "/tmp/kiln-left-behind-" + std::to_string(::getpid());
  run_shell("sleep 1000 & echo $! > " + file);
  Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  REQUIRE(::read(fd.get(), text, sizeof text - 1) > 0);
  ::unlink(file.c_str());
  const int left = std::atoi(text);
  REQUIRE(left > 0);
  // Killed at once, though whoever adopts it may take a moment to reap it.
  const auto gone = [left] {
    const std::string path = "/proc/" + std::to_string(left) + "/stat";
    const Descriptor stat(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char line[256] = {};
    if (!stat || ::read(stat.get(), line, sizeof line - 1) <= 0) return true;
    return std::string(line).find(") Z ") != std::string::npos;
  };
  const Deadline deadline = Deadline::after(patience);
  while (!gone() && !deadline.passed()) ::usleep(1'000);
  CHECK(gone());
}
