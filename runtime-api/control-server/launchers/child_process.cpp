// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/child_process.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "runtime-api/control-server/launchers/process_view.hpp"
#include "runtime-api/server/async/pollable.hpp"

namespace kiln {

/// Shared, because whoever waits for the exit may destroy the process.
struct ChildProcess::Impl final : Pollable, std::enable_shared_from_this<ChildProcess::Impl> {
  Impl(EventLoop& loop, int p, long borrowed, std::function<void(ExitStatus)> hook, Descriptor its, bool is_child)
      : Pollable(loop),
        pid(p),
        child(is_child),
        borrowed_peak_kib(borrowed),
        on_exit(std::move(hook)),
        pidfd(std::move(its)),
        status(p) {
    watch(pidfd.get(), EPOLLIN);
  }
  ~Impl() override { forget(); }
  using Pollable::forget;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void on_events(std::uint32_t) override {
    const auto self = shared_from_this();
    reap();
  }

  void reap() {
    if (reaped) return;
    forget();
    const ExitStatus exit = child ? wait_for_child() : wait_for_other();
    reaped = true;
    const auto self = shared_from_this();
    if (on_exit) std::exchange(on_exit, {})(exit);
    exited.set(exit);
  }

  ExitStatus wait_for_child() {
    // Whatever the process left behind in its group goes with it, and before the reaping: until then the group's number
    // is nobody else's.
    ::kill(-pid, SIGKILL);
    int how = 0;
    rusage usage{};
    while (::wait4(pid, &how, 0, &usage) < 0 && errno == EINTR) {
    }
    if (usage.ru_maxrss > borrowed_peak_kib) peak_kib = usage.ru_maxrss;
    return WIFEXITED(how) ? ExitStatus{WEXITSTATUS(how), 0} : ExitStatus{0, WTERMSIG(how)};
  }

  ExitStatus wait_for_other() const {
    await_end(pidfd);
    return {0, SIGKILL};
  }

  /// A number that is reaped by somebody else may be anybody's by now; the pidfd is not.
  void send(int number) const {
    if (child) {
      ::kill(-pid, number);
    } else {
      send_signal(pidfd, number);
    }
  }

  const int pid;
  const bool child;
  const long borrowed_peak_kib;
  std::function<void(ExitStatus)> on_exit;
  const Descriptor pidfd;
  const PeakMemory status;
  Completion<ExitStatus> exited;
  bool reaped = false;
  long peak_kib = 0;  // once reaped
};

ChildProcess::ChildProcess(EventLoop& loop, int pid, long borrowed_peak_kib, std::function<void(ExitStatus)> on_exit)
    : impl_(std::make_shared<Impl>(loop, pid, borrowed_peak_kib, std::move(on_exit), open_pidfd(pid), true)) {}

ChildProcess::ChildProcess(EventLoop& loop, int pid, Descriptor pidfd, std::function<void(ExitStatus)> on_exit)
    : impl_(std::make_shared<Impl>(loop, pid, 0, std::move(on_exit), std::move(pidfd), false)) {}

ChildProcess::~ChildProcess() { end(); }

void ChildProcess::end() {
  impl_->on_exit = {};
  impl_->forget();
  if (impl_->reaped) return;
  impl_->send(SIGKILL);
  if (impl_->child) ::kill(impl_->pid, SIGKILL);
  impl_->reap();
}

int ChildProcess::pid() const { return impl_->pid; }

void ChildProcess::signal_group(int signal_number) {
  if (!impl_->reaped) impl_->send(signal_number);
}

Completion<ExitStatus>& ChildProcess::exited() { return impl_->exited; }

long ChildProcess::peak_memory_kib() const { return impl_->reaped ? impl_->peak_kib : impl_->status.kib(); }

}  // namespace kiln
