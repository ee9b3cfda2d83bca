// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/stop_signal.hpp"

#include <atomic>

namespace kiln {
namespace {

// A signal handler can be told nothing, so these two are the exception to "no globals". Set before the handler is
// installed, and cleared after it is removed.
std::atomic<RuntimeApiClient*> target{nullptr};
std::atomic<void (*)(int)> functions_own{nullptr};
static_assert(std::atomic<RuntimeApiClient*>::is_always_lock_free);

extern "C" void kiln_on_stop_signal(int signal) {
  if (RuntimeApiClient* client = target.load()) client->request_stop();
  if (auto* own = functions_own.load()) own(signal);
}

}  // namespace

StopSignal::StopSignal(RuntimeApiClient& client) {
  ::sigaction(SIGTERM, nullptr, &previous_);
  const bool callable =
      (previous_.sa_flags & SA_SIGINFO) == 0 && previous_.sa_handler != SIG_DFL && previous_.sa_handler != SIG_IGN;
  functions_own = callable ? previous_.sa_handler : nullptr;
  target = &client;
  struct sigaction action{};
  action.sa_handler = kiln_on_stop_signal;
  // The wait for an event needs no EINTR (see Connection::receive), and a handler's own reads and sleeps want none.
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, nullptr);
  // A parent that had it blocked would otherwise make this process deaf.
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGTERM, &previous_, nullptr);
  target = nullptr;
  functions_own = nullptr;
}

}  // namespace kiln
