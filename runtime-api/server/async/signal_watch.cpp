// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/signal_watch.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace kiln {

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signals, std::function<void(int)> on_signal)
    : Pollable(loop), on_signal_(std::move(on_signal)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  try {
    watch(fd_, EPOLLIN);
  } catch (...) {
    ::close(fd_);
    throw;
  }
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

SignalWatch::~SignalWatch() {
  forget();
  // One that came too late to be told is taken all the same, or it would have its default effect now.
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) > 0) {
  }
  ::close(fd_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalWatch::on_events(std::uint32_t) {
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace kiln
