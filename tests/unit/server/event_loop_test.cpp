// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/event_loop.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using namespace std::chrono_literals;
using test::LoopRunner;

namespace {

Task<void> sleep_for(EventLoop& loop, std::chrono::milliseconds span) {
  co_await sleep_until(loop, Deadline::after(span));
}

struct Flag {
  bool* gone;
  explicit Flag(bool* g) : gone(g) {}
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { *gone = true; }
};

}  // namespace

TEST_CASE("Timers fire in the order of their deadlines, whatever the order of arming") {
  LoopRunner runner;
  const auto start = Deadline::Clock::now();
  std::mt19937 random(7);
  std::vector<int> order(40);
  for (int i = 0; i < 40; ++i) order[static_cast<std::size_t>(i)] = i;
  std::shuffle(order.begin(), order.end(), random);
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<int> fired;
  for (const int i : order) {
    timers.push_back(std::make_unique<Timer>(runner.loop()));
    timers.back()->arm(Deadline(start + 5ms + i * 500us), [&fired, i] { fired.push_back(i); });
  }
  runner.run(sleep_for(runner.loop(), 60ms));
  CHECK(fired.size() == 40);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE("A timer never fires before its deadline") {
  LoopRunner runner;
  const Deadline deadline = Deadline::after(20ms);
  Timer timer(runner.loop());
  bool early = true;
  timer.arm(deadline, [&] { early = !deadline.passed(); });
  runner.run(sleep_for(runner.loop(), 40ms));
  CHECK_FALSE(early);
  CHECK_FALSE(timer.armed());
}

TEST_CASE("A cancelled timer does not fire, and lets go of its callback at once") {
  LoopRunner runner;
  bool fired = false;
  bool gone = false;
  Timer timer(runner.loop());
  timer.arm(Deadline::after(1ms), [&fired, flag = std::make_shared<Flag>(&gone)] { fired = true; });
  CHECK(timer.armed());
  timer.cancel();
  CHECK_FALSE(timer.armed());
  CHECK(gone);
  runner.run(sleep_for(runner.loop(), 10ms));
  CHECK_FALSE(fired);
}

TEST_CASE("Cancelling any of many timers leaves the others in order") {
  for (int removed = 0; removed < 12; ++removed) {
    LoopRunner runner;
    const auto start = Deadline::Clock::now();
    std::vector<std::unique_ptr<Timer>> timers;
    std::vector<int> fired;
    for (const int i : {7, 3, 11, 0, 5, 9, 1, 4, 10, 2, 8, 6}) {
      timers.push_back(std::make_unique<Timer>(runner.loop()));
      timers.back()->arm(Deadline(start + 1ms + i * 100us), [&fired, i] { fired.push_back(i); });
    }
    timers[static_cast<std::size_t>(removed)].reset();
    runner.run(sleep_for(runner.loop(), 5ms));
    CHECK(fired.size() == 11);
    CHECK(std::is_sorted(fired.begin(), fired.end()));
  }
}

TEST_CASE("Arming again replaces the deadline and the callback") {
  LoopRunner runner;
  int first = 0;
  int second = 0;
  Timer timer(runner.loop());
  timer.arm(Deadline::after(1ms), [&] { ++first; });
  timer.arm(Deadline::after(2ms), [&] { ++second; });
  runner.run(sleep_for(runner.loop(), 10ms));
  CHECK(first == 0);
  CHECK(second == 1);
}

TEST_CASE("A deadline of never disarms") {
  LoopRunner runner;
  bool fired = false;
  Timer timer(runner.loop());
  timer.arm(Deadline::after(1ms), [&] { fired = true; });
  timer.arm(Deadline::never(), [&] { fired = true; });
  CHECK_FALSE(timer.armed());
  runner.run(sleep_for(runner.loop(), 5ms));
  CHECK_FALSE(fired);
}

TEST_CASE("A later timer still fires after the earliest was cancelled") {
  LoopRunner runner;
  Timer early(runner.loop());
  Timer late(runner.loop());
  bool fired = false;
  late.arm(Deadline::after(8ms), [&] { fired = true; });
  early.arm(Deadline::after(2ms), [] {});
  early.cancel();
  runner.run(sleep_for(runner.loop(), 20ms));
  CHECK(fired);
}

TEST_CASE("A callback may arm its own timer again") {
  LoopRunner runner;
  Timer timer(runner.loop());
  int fired = 0;
  std::function<void()> again = [&] {
    if (++fired < 5) timer.arm(Deadline::after(1ms), again);
  };
  timer.arm(Deadline::after(1ms), again);
  runner.run([](EventLoop& loop, const int& count) -> Task<void> {
    const Deadline limit = Deadline::after(test::patience);
    while (count < 5 && !limit.passed()) co_await sleep_until(loop, Deadline::after(1ms));
  }(runner.loop(), fired));
  CHECK(fired == 5);
}

TEST_CASE("A callback may arm an earlier timer than all that wait") {
  LoopRunner runner;
  Timer first(runner.loop());
  Timer inner(runner.loop());
  Timer last(runner.loop());
  std::vector<std::string> fired;
  last.arm(Deadline::after(30ms), [&] { fired.emplace_back("last"); });
  first.arm(Deadline::after(1ms), [&] { inner.arm(Deadline::after(1ms), [&] { fired.emplace_back("inner"); }); });
  runner.run(sleep_for(runner.loop(), 45ms));
  CHECK(fired == std::vector<std::string>{"inner", "last"});
}

TEST_CASE("A callback may destroy its own timer, and others that are due") {
  LoopRunner runner;
  auto own = std::make_unique<Timer>(runner.loop());
  auto other = std::make_unique<Timer>(runner.loop());
  const Deadline deadline = Deadline::after(1ms);
  bool fired = false;
  bool other_fired = false;
  own->arm(deadline, [&] {
    fired = true;
    own.reset();
    other.reset();
  });
  other->arm(Deadline(deadline.at() + 1us), [&] { other_fired = true; });
  runner.run(sleep_for(runner.loop(), 10ms));
  CHECK(fired);
  CHECK_FALSE(other_fired);
}

TEST_CASE("A timer that is always due again does not starve the loop") {
  LoopRunner runner;
  Timer timer(runner.loop());
  bool posted = false;
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds == 1) runner.loop().post([&] { posted = true; });
    if (rounds < 1'000'000 && !posted) timer.arm(Deadline::after(0ms), again);
  };
  timer.arm(Deadline::after(0ms), again);
  runner.run(sleep_for(runner.loop(), 5ms));
  CHECK(posted);
  CHECK(rounds < 1'000'000);
}

TEST_CASE("An exception from a timer is reported, and the timers behind it still fire") {
  LoopRunner runner;
  Timer bad(runner.loop());
  Timer good(runner.loop());
  bool fired = false;
  const Deadline deadline = Deadline::after(1ms);
  bad.arm(deadline, [] { throw std::runtime_error("broken callback"); });
  good.arm(Deadline(deadline.at() + 1us), [&] { fired = true; });
  runner.run(sleep_for(runner.loop(), 10ms));
  CHECK(fired);
  REQUIRE(runner.reports().size() == 1);
  CHECK(runner.reports()[0] == "event loop: broken callback");
}

TEST_CASE("An exception from a posted callback is reported and the loop goes on") {
  LoopRunner runner;
  runner.loop().post([] { throw std::runtime_error("broken post"); });
  runner.loop().post([] { throw 42; });
  runner.run(sleep_for(runner.loop(), 2ms));
  CHECK(runner.reports() ==
        std::vector<std::string>{"event loop: broken post", "event loop: an exception of unknown type"});
}

TEST_CASE("An exception that leaves a spawned task is reported under the task's name") {
  LoopRunner runner;
  runner.loop().spawn(
      [](EventLoop& loop) -> Task<void> {
        co_await sleep_until(loop, Deadline::after(1ms));
        throw std::runtime_error("lost");
      }(runner.loop()),
      "connection");
  runner.run(sleep_for(runner.loop(), 10ms));
  CHECK(runner.reports() == std::vector<std::string>{"connection: lost"});
}

TEST_CASE("A sleep until a deadline that has passed does not wait") {
  LoopRunner runner;
  bool done = false;
  runner.run([](EventLoop& loop, bool& flag) -> Task<void> {
    co_await sleep_until(loop, Deadline::after(-1s));
    flag = true;
  }(runner.loop(), done));
  CHECK(done);
}

TEST_CASE("Callbacks posted from other threads all run on the loop's thread") {
  test::LoopThread thread;
  const auto loop_id = thread.call([] { return std::this_thread::get_id(); });
  int count = 0;  // touched by the loop's thread only
  bool elsewhere = false;
  std::vector<std::thread> posters;
  for (int i = 0; i < 4; ++i) {
    posters.emplace_back([&] {
      for (int k = 0; k < 500; ++k) {
        thread.loop().post([&] {
          ++count;
          elsewhere = elsewhere || std::this_thread::get_id() != loop_id;
        });
      }
    });
  }
  for (auto& poster : posters) poster.join();
  CHECK(thread.wait_until([&] { return count == 2000; }));
  CHECK_FALSE(thread.call([&] { return elsewhere; }));
}

TEST_CASE("What a loop never came to run may still hold timers when the loop ends") {
  bool gone = false;
  {
    LoopRunner runner;
    auto timer = std::make_shared<Timer>(runner.loop());
    timer->arm(Deadline::after(1h), [flag = std::make_shared<Flag>(&gone)] {});
    runner.loop().post([kept = std::move(timer)] {});
  }
  CHECK(gone);
}
