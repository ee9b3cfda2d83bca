// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/signal_watch.hpp"

#include <chrono>
#include <csignal>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using namespace std::chrono_literals;

namespace {
Task<void> until_two(EventLoop& loop, const std::vector<int>& got) {
  const Deadline limit = Deadline::after(test::patience);
  while (got.size() < 2 && !limit.passed()) co_await sleep_until(loop, Deadline::after(1ms));
}
bool blocked(int number) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}
}  // namespace

TEST_CASE("A signal is an event of the loop, also where it came before the loop ran") {
  test::LoopRunner runner;
  std::vector<int> got;
  {
    const SignalWatch watch(runner.loop(), {SIGUSR1, SIGUSR2}, [&](int number) { got.push_back(number); });
    ::raise(SIGUSR1);
    CHECK(got.empty());
    Timer later(runner.loop());
    later.arm(Deadline::after(2ms), [] { ::raise(SIGUSR2); });
    runner.run(until_two(runner.loop(), got));
    CHECK(blocked(SIGUSR1));
  }
  CHECK(got == std::vector<int>{SIGUSR1, SIGUSR2});
  CHECK_FALSE(blocked(SIGUSR1));
  CHECK_FALSE(blocked(SIGUSR2));
}

TEST_CASE("A signal that nobody was told of does not end the process with the watch") {
  test::LoopRunner runner;
  {
    const SignalWatch watch(runner.loop(), {SIGUSR1}, [](int) {});
    ::raise(SIGUSR1);
  }
  CHECK_FALSE(blocked(SIGUSR1));
}
