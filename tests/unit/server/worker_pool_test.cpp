// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/worker_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using test::LoopRunner;

TEST_CASE("A job runs on another thread and its result comes back to the loop's") {
  LoopRunner runner;
  WorkerPool pool(runner.loop(), 2, "test-worker");
  const auto here = std::this_thread::get_id();
  bool elsewhere = false;
  bool back = false;
  std::unique_ptr<int> result;
  runner.run(
      [](WorkerPool& p, std::thread::id home, bool& away, bool& returned, std::unique_ptr<int>& out) -> Task<void> {
        const auto work = [home, &away] {
          away = std::this_thread::get_id() != home;
          return std::make_unique<int>(5);
        };
        out = co_await p.run(work);
        returned = std::this_thread::get_id() == home;
      }(pool, here, elsewhere, back, result));
  CHECK(elsewhere);
  CHECK(back);
  REQUIRE(result);
  CHECK(*result == 5);
}

TEST_CASE("An exception of a job reaches the one who awaits it, with and without a result") {
  LoopRunner runner;
  WorkerPool pool(runner.loop(), 1, "test-worker");
  std::vector<std::string> caught;
  runner.run([](WorkerPool& p, std::vector<std::string>& out) -> Task<void> {
    try {
      const int value = co_await p.run([]() -> int { throw std::runtime_error("with a result"); });
      out.push_back(std::to_string(value));
    } catch (const std::exception& e) {
      out.emplace_back(e.what());
    }
    try {
      co_await p.run([] { throw std::runtime_error("without"); });
    } catch (const std::exception& e) {
      out.emplace_back(e.what());
    }
    co_await p.run([] {});  // the thread is still there
    out.emplace_back("alive");
  }(pool, caught));
  CHECK(caught == std::vector<std::string>{"with a result", "without", "alive"});
}

TEST_CASE("One thread runs jobs in the order of submission, and the end waits for those in the queue") {
  LoopRunner runner;
  std::vector<int> order;
  {
    WorkerPool pool(runner.loop(), 1, "test-worker");
    for (int i = 0; i < 200; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  REQUIRE(order.size() == 200);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("Many tasks may wait for jobs at the same time") {
  LoopRunner runner;
  WorkerPool pool(runner.loop(), 3, "test-worker");
  int sum = 0;
  int left = 100;
  for (int i = 0; i < 100; ++i) {
    runner.loop().spawn(
        [](WorkerPool& p, int value, int& total, int& open) -> Task<void> {
          total += co_await p.run([value] { return value; });
          --open;
        }(pool, i, sum, left),
        "job");
  }
  runner.run([](EventLoop& loop, int& open) -> Task<void> {
    while (open > 0) co_await sleep_until(loop, Deadline::after(std::chrono::milliseconds(1)));
  }(runner.loop(), left));
  CHECK(sum == 4950);
}

TEST_CASE("A worker has its name, and takes no signals") {
  LoopRunner runner;
  WorkerPool pool(runner.loop(), 1, "a-name-longer-than-fits");
  std::string name;
  bool blocked = false;
  runner.run([](WorkerPool& p, std::string& out, bool& terms) -> Task<void> {
    const auto look = [&out, &terms] {
      std::array<char, 32> buffer{};
      pthread_getname_np(pthread_self(), buffer.data(), buffer.size());
      out = buffer.data();
      sigset_t mask;
      pthread_sigmask(SIG_BLOCK, nullptr, &mask);
      terms = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1;
    };
    co_await p.run(look);
  }(pool, name, blocked));
  CHECK(name == "a-name-longer-t");
  CHECK(blocked);
}
