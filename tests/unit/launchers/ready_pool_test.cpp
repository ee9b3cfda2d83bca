// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/ready_pool.hpp"

#include <atomic>
#include <stdexcept>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using kiln::Demand;
using kiln::ReadyPool;
using kiln::Task;
using kiln::WorkerPool;

namespace {

/// Makes numbers, or fails.
struct Source {
  std::atomic<int> tries{0};
  std::atomic<bool> broken{false};

  std::atomic<int> awaited{0};

  ReadyPool<int>::Make make() {
    return [this](Demand demand) {
      if (demand == Demand::now) ++awaited;
      const int number = ++tries;
      if (broken) throw std::runtime_error("out of something");
      return number;
    };
  }
};

Task<std::string> taken(ReadyPool<int>& pool) {
  std::string what;
  try {
    const int number = co_await pool.take();
    what = number > 0 ? "one" : "none";
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  co_return what;
}

/// Until nothing is being made: whatever is made is told to the loop behind this.
Task<void> settle(const ReadyPool<int>& pool, WorkerPool& thread) {
  while (!pool.settled()) {
    co_await thread.run([] {});
  }
}

}  // namespace

TEST_CASE("so many are made ahead of time, and one more for each that is taken") {
  kiln::test::LoopRunner runner;
  Source source;
  WorkerPool thread(runner.loop(), 1, "making");
  runner.run([](kiln::EventLoop& loop, Source& made, WorkerPool& worker) -> Task<void> {
    ReadyPool<int> pool(loop, worker, made.make(), 3);
    co_await settle(pool, worker);
    CHECK(made.tries == 3);
    const int first = co_await pool.take();
    CHECK(first == 1);
    co_await settle(pool, worker);
    CHECK(made.tries == 4);
  }(runner.loop(), source, thread));
  CHECK(runner.reports().empty());
}

TEST_CASE("whoever makes one is told whether somebody waits for it") {
  kiln::test::LoopRunner runner;
  Source source;
  WorkerPool thread(runner.loop(), 1, "making");
  runner.run([](kiln::EventLoop& loop, Source& made, WorkerPool& worker) -> Task<void> {
    ReadyPool<int> pool(loop, worker, made.make(), 1);
    co_await settle(pool, worker);
    const int first = co_await pool.take();
    CHECK(first == 1);
    co_await settle(pool, worker);
    CHECK(made.awaited == 0);
    pool.clear();
    const int second = co_await pool.take();
    CHECK(second == 3);
    co_await settle(pool, worker);
    CHECK(made.tries == 4);
    CHECK(made.awaited > 0);
  }(runner.loop(), source, thread));
  CHECK(runner.reports().empty());
}

TEST_CASE("what cannot be made is tried once for each that asks, until it works again") {
  kiln::test::LoopRunner runner;
  Source source;
  WorkerPool thread(runner.loop(), 1, "making");
  source.broken = true;
  runner.run([](kiln::EventLoop& loop, Source& made, WorkerPool& worker) -> Task<void> {
    ReadyPool<int> pool(loop, worker, made.make(), 3);
    co_await settle(pool, worker);
    CHECK(made.tries == 3);
    for (int asked = 1; asked <= 5; ++asked) {
      const std::string answer = co_await taken(pool);
      CHECK(answer == "out of something");
      co_await settle(pool, worker);
      CHECK(made.tries == 3 + asked);
    }
    made.broken = false;
    const std::string answer = co_await taken(pool);
    CHECK(answer == "one");
    co_await settle(pool, worker);
    CHECK(made.tries == 3 + 5 + 1 + 3);  // three stand ready again
  }(runner.loop(), source, thread));
  // Those that nobody waited for.
  CHECK(runner.reports().size() == 3);
}
