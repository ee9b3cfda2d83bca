// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/processes.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <new>
#include <optional>
#include <vector>

#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

/// A flag that all processes see.
class SharedGate final : public InitErrorGate {
 public:
  SharedGate() {
    void* page = ::mmap(nullptr, sizeof(std::atomic_flag), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    // Without it each process reports for itself, and the platform refuses all but one.
    taken_ = page == MAP_FAILED ? nullptr : new (page) std::atomic_flag();
  }
  void enter() override {
    if (taken_ == nullptr || !taken_->test_and_set()) return;
    while (true) ::pause();
  }

 private:
  std::atomic_flag* taken_;
};

/// The signals that the parent takes one by one instead of being interrupted by them.
sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGCHLD);
  return set;
}

class Children {
 public:
  void add(pid_t pid) { alive_.push_back(pid); }
  bool any() const { return !alive_.empty(); }
  void signal(int number) const {
    for (const pid_t pid : alive_) ::kill(pid, number);
  }
  /// Takes the ends of all that have ended: the first end there was, and after it any that was worse than exit code 0.
  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (std::erase(alive_, pid) > 0 && verdict_.value_or(0) == 0) verdict_ = status;
    }
  }
  const std::optional<int>& verdict() const { return verdict_; }

 private:
  std::vector<pid_t> alive_;
  std::optional<int> verdict_;
};

/// The next awaited signal, or 0 where none comes before the deadline.
int next_signal(const sigset_t& awaited, Deadline deadline) {
  while (true) {
    timespec wait{};
    if (!deadline.is_never()) {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.remaining()).count();
      wait = {static_cast<std::time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    }
    const int number = ::sigtimedwait(&awaited, nullptr, deadline.is_never() ? nullptr : &wait);
    if (number > 0) return number;
    if (errno != EINTR) return 0;
  }
}

/// Waits for all, and returns how the first of them ended.
int supervise(Children& children, const sigset_t& awaited) {
  bool stopping = false;
  Deadline deadline = Deadline::never();
  while (children.any()) {
    const int number = next_signal(awaited, deadline);
    if (number == SIGCHLD) {
      children.reap();
      if (stopping || !children.verdict()) continue;
      stopping = true;
      deadline = Deadline::after(limits::shutdown_timeout);
      children.signal(SIGTERM);
    } else if (number == SIGTERM && !stopping) {
      stopping = true;
      children.signal(SIGTERM);
    } else {
      children.signal(SIGKILL);
      deadline = Deadline::never();
    }
  }
  return children.verdict().value_or(0);
}

/// Ends as a process with this wait status did, or returns the exit code to end with.
int end_alike(int status, const sigset_t& awaited) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int number = WTERMSIG(status);
  std::signal(number, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &awaited, nullptr);
  ::raise(number);
  return 128 + number;
}

}  // namespace

int run_processes(Runtime& runtime, std::size_t count, const std::vector<int>& sockets,
                  const std::function<ExitCode(InitErrorGate& gate, std::size_t index)>& serve) {
  SharedGate gate;
  const sigset_t awaited = awaited_signals();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &awaited, &before);
  const pid_t parent = ::getpid();
  Children children;
  for (std::size_t i = 0; i < count; ++i) {
    runtime.before_fork();
    const pid_t pid = ::fork();
    runtime.after_fork(pid == 0 ? ForkSide::child : ForkSide::parent);
    if (pid == 0) {
      // Whatever ends the parent, be it SIGKILL, ends its children.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::platform_lost));
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      // The parent has closed those of the processes before this one.
      for (std::size_t other = i + 1; other < sockets.size(); ++other) ::close(sockets[other]);
      return static_cast<int>(serve(gate, i));
    }
    if (pid < 0) {
      std::perror("kiln bootstrap: cannot make the processes that AWS_LAMBDA_MAX_CONCURRENCY asks for");
      children.signal(SIGKILL);
      return static_cast<int>(ExitCode::init_failed);
    }
    children.add(pid);
    if (i < sockets.size()) ::close(sockets[i]);
  }
  return end_alike(supervise(children, awaited), awaited);
}

}  // namespace kiln
