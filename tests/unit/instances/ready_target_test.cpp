// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/ready_target.hpp"

#include <cstddef>
#include <optional>

#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/async/task.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

ReadySchedule schedule(std::string_view text) { return std::get<ReadySchedule>(ReadySchedule::parse(text)); }

/// A wall clock that shows `time` now.
ReadyTarget::Clock clock_from(ReadySchedule::Time time) {
  return [time, began = std::chrono::steady_clock::now()] {
    return time + std::chrono::duration_cast<ReadySchedule::Time::duration>(std::chrono::steady_clock::now() - began);
  };
}

ReadySchedule::Time monday(std::chrono::milliseconds time) {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + time;
}

}  // namespace

TEST_CASE("The larger of what is always wanted and what is wanted now counts") {
  LoopRunner runner;
  ReadyTarget target(runner.loop(), [] {}, [] { return monday(9h); });
  target.set(2, {});
  CHECK(target.instances() == 2);
  target.set(2, schedule("mon 08:00-10:00=1"));
  CHECK(target.instances() == 2);
  target.set(2, schedule("mon 08:00-10:00=7"));
  CHECK(target.instances() == 7);
}

TEST_CASE("A window that opens or closes is told when it does") {
  LoopRunner runner;
  Completion<std::size_t> told;
  std::optional<ReadyTarget> target;
  SECTION("opens") {
    target.emplace(runner.loop(), [&] { told.set(target->instances()); }, clock_from(monday(8h - 30ms)));
    target->set(1, schedule("mon 08:00-10:00=3"));
    CHECK(target->instances() == 1);
  }
  SECTION("closes") {
    target.emplace(runner.loop(), [&] { told.set(target->instances()); }, clock_from(monday(10h - 30ms)));
    target->set(1, schedule("mon 08:00-10:00=3"));
    CHECK(target->instances() == 3);
  }
  const std::size_t before = target->instances();
  std::size_t after = before;
  runner.run(
      [](Completion<std::size_t>& change, std::size_t& into) -> Task<void> { into = co_await change; }(told, after));
  CHECK(after == (before == 1 ? 3 : 1));
}
