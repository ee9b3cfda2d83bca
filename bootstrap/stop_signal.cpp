// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/stop_signal.hpp"

#include <atomic>
#include <cerrno>
#include <utility>

namespace kiln {
namespace {

// A signal handler can be told nothing, so these two are the exception to "no globals". Set before the handler is
// installed, and cleared after it is removed.
std::atomic<const StopSignal*> target{nullptr};
std::atomic<void (*)(int)> functions_own{nullptr};
static_assert(std::atomic<const StopSignal*>::is_always_lock_free);

/// Makes a blocked receive of another thread look again. Ignored by default, so that one which comes too late does no harm.
constexpr int wake_signal = SIGURG;

extern "C" void kiln_on_stop_signal(int signal) {
  if (const StopSignal* stop = target.load()) stop->request_stop();
  if (auto* own = functions_own.load()) own(signal);
}

extern "C" void kiln_on_wake_signal(int) {}

void install(int signal, void (*handler)(int), int flags, struct sigaction& previous) {
  struct sigaction action{};
  action.sa_handler = handler;
  // The wait for an event needs no EINTR (see Connection::receive), and a handler's own reads and sleeps want none.
  action.sa_flags = SA_RESTART | flags;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, &previous);
}

}  // namespace

StopSignal::StopSignal(std::vector<StopTarget> targets, SecondStop second) : targets_(std::move(targets)) {
  ::sigaction(SIGTERM, nullptr, &previous_);
  const bool callable =
      (previous_.sa_flags & SA_SIGINFO) == 0 && previous_.sa_handler != SIG_DFL && previous_.sa_handler != SIG_IGN;
  functions_own = callable ? previous_.sa_handler : nullptr;
  target = this;
  install(wake_signal, kiln_on_wake_signal, 0, previous_wake_);
  install(SIGTERM, kiln_on_stop_signal, second == SecondStop::ends ? static_cast<int>(SA_RESETHAND) : 0, previous_);
  // A parent that had it blocked would otherwise make this process deaf.
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGTERM, &previous_, nullptr);
  ::sigaction(wake_signal, &previous_wake_, nullptr);
  target = nullptr;
  functions_own = nullptr;
}

void StopSignal::request_stop() const noexcept {
  const int saved = errno;
  for (const StopTarget& one : targets_) one.client->request_stop();
  for (const StopTarget& one : targets_) {
    if (::pthread_equal(one.thread, ::pthread_self()) == 0) ::pthread_kill(one.thread, wake_signal);
  }
  errno = saved;
}

}  // namespace kiln
