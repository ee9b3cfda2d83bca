// SPDX-License-Identifier: Apache-2.0
// SIGTERM, as a platform sends it before it takes an instance away.
#include <csignal>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

/// The end of an instance that was told to stop while it waits for an event.
Ending end_of_idle(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.expect_to_go_on();
  instance.poll();
  instance.signal(SIGTERM);
  const auto ending = instance.ending(limits::shutdown_timeout);
  expect(ending.has_value(), "the end of the process within 2 s of SIGTERM", "it lives on");
  return *ending;
}

void idle(RuntimeBench& bench) { end_of_idle(bench); }

void idle_status(RuntimeBench& bench) {
  const Ending ending = end_of_idle(bench);
  expect(ending.clean(), "exit status 0", ending.text());
}

void whole_group(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.expect_to_go_on();
  instance.poll();
  instance.signal(SIGTERM);
  expect(instance.group_ended(limits::shutdown_timeout), "no process of the group 2 s after SIGTERM to all of it",
         "somebody still holds its output");
}

void busy(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Event event = ask("sleep", "\"ms\":700");
  instance.answer(instance.poll(), event.answer());
  const auto early = instance.disturbance(200ms);
  expect(!early, "an invocation of 700 ms", early.value_or(""));
  instance.signal(SIGTERM);
  const Request posted = instance.post("the response to the invocation under way");
  expect(posted.message.target() == response_target(event.id), "POST " + response_target(event.id), posted.line());
  instance.answer(posted, accepted());
  const auto what = instance.aftermath(limits::shutdown_timeout);
  expect(what == Instance::Aftermath::ended, "the end of the process behind its last answer",
         what == Instance::Aftermath::polled ? "another poll" : "it lives on");
}

void twice(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.answer(instance.poll(), ask("sleep", "\"ms\":15000").answer());
  const auto early = instance.disturbance(200ms);
  expect(!early, "an invocation of 15 s", early.value_or(""));
  instance.signal(SIGTERM);
  (void)instance.ending(300ms);
  instance.signal(SIGTERM);
  expect(instance.ending(limits::shutdown_timeout).has_value(), "the end of the process at the second SIGTERM",
         "it lives on");
}

}  // namespace

RuntimeCases shutdown_cases() {
  return {
      {{"shutdown.idle", Level::must, "SIGTERM ends a runtime that waits for an event, within 2 s",
        "Sends SIGTERM to the process group while a poll is parked.", sources::lifecycle},
       idle},
      {{"shutdown.status", Level::should, "A runtime that was told to stop ends with the status 0",
        "Looks at the status after SIGTERM.", sources::lifecycle},
       idle_status},
      {{"shutdown.group", Level::must, "No process of the runtime stays behind",
        "Sends SIGTERM to the group, and waits until nobody holds its output.", sources::lifecycle},
       whole_group},
      {{"shutdown.busy", Level::should, "The invocation under way is answered before the end",
        "Sends SIGTERM in the middle of an invocation of 700 ms.", sources::lifecycle, "sleep"},
       busy},
      {{"shutdown.second-signal", Level::should, "A second SIGTERM ends a runtime whose handler takes too long",
        "Sends SIGTERM twice into an invocation of 15 s.", sources::lifecycle, "sleep"},
       twice},
  };
}

}  // namespace kiln::conformance
