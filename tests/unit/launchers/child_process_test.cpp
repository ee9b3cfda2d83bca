// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/child_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/temporary_folder.hpp"

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
  const auto watch = [](ChildProcess& watched, Ended& out) -> Task<void> {
    out.status = co_await watched.exited();
    out.peak_kib = watched.peak_memory_kib();
  };
  ChildProcess child(runner.loop(), spawned.pid, spawned.borrowed_peak_kib);
  runner.run(watch(child, ended));
  return ended;
}

/// A pipe: returns its read end.
Descriptor pipe_to(Descriptor& write_end) {
  int pair[2];
  REQUIRE(::pipe2(pair, O_CLOEXEC) == 0);
  // Beyond the numbers that a process inherits, whatever is free here.
  write_end = Descriptor(::fcntl(pair[1], F_DUPFD_CLOEXEC, 20));
  ::close(pair[1]);
  Descriptor read_end(::fcntl(pair[0], F_DUPFD_CLOEXEC, 20));
  ::close(pair[0]);
  return read_end;
}

/// What comes out of a pipe until its last writer has gone.
std::string all_of(const Descriptor& read_end) {
  std::string out;
  char byte = 0;
  while (::read(read_end.get(), &byte, 1) == 1) out += byte;
  return out;
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

TEST_CASE("A process was executed before it has done anything, however late its parent runs again") {
  // On one processor the two take turns.
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  for (int i = 0; i < 20; ++i) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Descriptor read_end(ends[0]);
    Descriptor write_end(ends[1]);
    SpawnRequest request;
    request.executable = "/bin/bash";
    request.arguments = {"-c", "echo $EPOCHREALTIME"};  // seconds, with six digits behind a point or a comma
    request.working_directory = "/";
    request.output = write_end.get();
    const SpawnResult spawned = spawn_process(request);
    REQUIRE_FALSE(spawned.error);
    write_end.reset();
    char text[64] = {};
    REQUIRE(::read(read_end.get(), text, sizeof text - 1) > 8);
    REQUIRE(::waitpid(spawned.pid, nullptr, 0) == spawned.pid);
    std::string digits(text);
    std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
    const std::chrono::microseconds ran_at(std::stoll(digits));
    const auto executed_ago = std::chrono::steady_clock::now() - spawned.executed_at;
    const auto ran_ago = std::chrono::system_clock::now().time_since_epoch() - ran_at;
    CHECK(executed_ago > ran_ago);
    CHECK(executed_ago < patience);
  }
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
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

TEST_CASE("A process finds what it inherits in the order asked for, wherever it stood before, and nothing else") {
  for (const bool swapped : {false, true}) {
    INFO(swapped);
    Descriptor first_end;
    Descriptor second_end;
    const Descriptor first_read = pipe_to(first_end);
    const Descriptor second_read = pipe_to(second_end);
    // In a process of its own, whose descriptors 3 and 4 are nobody's.
    const pid_t starter = ::fork();
    REQUIRE(starter >= 0);
    if (starter == 0) {
      SpawnRequest request;
      request.executable = "/bin/sh";
      // Shells keep what they redirect at 10 and beyond.
      request.arguments = {"-c",
                           "echo first >&3; for n in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && echo $n; done >&4"};
      request.environment = {"PATH=/usr/bin:/bin"};
      request.working_directory = "/";
      request.output = STDOUT_FILENO;
      request.inherited = {first_end.get(), second_end.get()};
      if (swapped) request.inherited = {::dup2(first_end.get(), 4), ::dup2(second_end.get(), 3)};
      const SpawnResult spawned = spawn_process(request);
      if (!spawned.error) ::waitpid(spawned.pid, nullptr, 0);
      ::_exit(spawned.error ? 1 : 0);
    }
    first_end = Descriptor();
    second_end = Descriptor();
    int status = 0;
    REQUIRE(::waitpid(starter, &status, 0) == starter);
    CHECK(status == 0);
    CHECK(all_of(first_read) == "first\n");
    CHECK(all_of(second_read) == "3\n4\n");
  }
}

TEST_CASE("A program that somebody still has open for writing is executed once they have closed it") {
  const TemporaryFolder folder;
  const std::string program = folder.path() / "program";
  std::filesystem::copy_file("/bin/true", program);
  Descriptor writer(::open(program.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(writer);
  std::thread closing([&writer] {
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    writer.reset();
  });
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.executable = program;
  request.working_directory = "/";
  request.output = null.get();
  const SpawnResult spawned = spawn_process(request);
  closing.join();
  CHECK(spawned.error == std::error_code());
  int status = -1;
  ::waitpid(spawned.pid, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("A process that is woken does not push the server aside") {
  // Field 41 of stat is the scheduling policy; SCHED_BATCH is 3 (proc(5), sched(7)).
  CHECK(run_shell("[ \"$(cut -d ' ' -f 41 /proc/self/stat)\" = 3 ]").status.code == 0);
}
