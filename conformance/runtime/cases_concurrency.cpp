// SPDX-License-Identifier: Apache-2.0
// Several invocations at once in one instance, which AWS_LAMBDA_MAX_CONCURRENCY asks for.
#include <csignal>
#include <map>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

constexpr int wide = 4;

StartOptions concurrent() { return {.set = {{environment::max_concurrency, std::to_string(wide)}}}; }

/// Waits for `wide` parked polls, and takes them.
std::vector<Request> take_polls(Instance& instance) {
  const auto parked = instance.wait_for_polls(wide, instance.patience());
  expect(parked >= wide, std::to_string(wide) + " polls at once", std::to_string(parked));
  std::vector<Request> polls;
  for (int count = 0; count < wide; ++count) polls.push_back(instance.poll());
  return polls;
}

/// Hands out `events`, one to each poll, and takes their posts in the order they come, all accepted but `refuse`.
std::map<std::string, Message> serve_all(Instance& instance, const std::vector<Event>& events,
                                         const std::string& refuse = {}) {
  auto polls = take_polls(instance);
  for (std::size_t at = 0; at < events.size(); ++at) instance.answer(polls[at], events[at].answer());
  std::map<std::string, Message> posts;
  for (std::size_t count = 0; count < events.size(); ++count) {
    Request posted = instance.post();
    std::string target = posted.message.target();
    instance.answer(posted,
                    !refuse.empty() && target == response_target(refuse) ? refused(410, "InvokeTimeout") : accepted());
    posts.emplace(std::move(target), std::move(posted.message));
  }
  return posts;
}

std::vector<Event> echoes() {
  std::vector<Event> events;
  for (int number = 0; number < wide; ++number) events.push_back(ask("echo", "\"value\":" + std::to_string(number)));
  return events;
}

void expect_echoes(const std::vector<Event>& events, const std::map<std::string, Message>& posts) {
  for (std::size_t number = 0; number < events.size(); ++number) {
    const auto found = posts.find(response_target(events[number].id));
    expect(found != posts.end(), "a response to each event under its own id",
           "none to the event " + std::to_string(number));
    expect_json("its echo", std::to_string(number), found->second.body);
  }
}

void many_polls(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  take_polls(instance);
}

void own_ids(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  for (int round = 0; round < 10; ++round) {
    const auto events = echoes();
    expect_echoes(events, serve_all(instance, events));
  }
}

void in_parallel(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  std::vector<Event> events;
  for (int count = 0; count < wide; ++count) events.push_back(ask("sleep", "\"ms\":600"));
  const auto begun = Message::Clock::now();
  serve_all(instance, events);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Message::Clock::now() - begun);
  expect(took < 1600ms, "four invocations of 600 ms at the same time, not one after another",
         std::to_string(took.count()) + " ms for all");
}

void error_beside(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  auto events = echoes();
  events[1] = ask("error", "\"message\":\"asked for\"");
  const auto posts = serve_all(instance, events);
  expect(posts.count(error_target(events[1].id)) == 1, "an error for the one that fails", "none");
  expect_json(
      "the echo beside it", "2",
      posts.count(response_target(events[2].id)) == 1 ? posts.at(response_target(events[2].id)).body : "nothing");
  const auto again = echoes();
  expect_echoes(again, serve_all(instance, again));
}

void late_beside(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  const auto events = echoes();
  serve_all(instance, events, events[0].id);
  const auto again = echoes();
  expect_echoes(again, serve_all(instance, again));
}

void stop_all(RuntimeBench& bench) {
  Instance instance = bench.start(concurrent());
  take_polls(instance);
  instance.signal(SIGTERM);
  expect(instance.group_ended(limits::shutdown_timeout), "no process of the group 2 s after SIGTERM to all of it",
         "somebody still holds its output");
}

void init_failure(RuntimeBench& bench) {
  StartOptions options = concurrent();
  options.set[environment::handler] = "kiln_conformance_missing.handler";
  Instance instance = bench.start(options);
  for (int posts = 0;;) {
    const auto what = instance.aftermath();
    expect(what != Instance::Aftermath::silent, "the end of an instance whose handler cannot be loaded", "it lives on");
    if (what == Instance::Aftermath::polled) throw NotOffered{"the runtime loads no handler by name"};
    if (what == Instance::Aftermath::ended) break;
    // Each of several processes may say so; all but the first are told that it has been said.
    instance.answer(instance.post(), posts++ == 0 ? accepted() : refused(403, "InvalidStateTransition"));
  }
  expect(instance.group_ended(instance.patience()), "the end of all processes of the group",
         "somebody still holds its output");
}

}  // namespace

RuntimeCases concurrency_cases() {
  return {
      {{"concurrency.polls", Level::must, "As many events are asked for at once as AWS_LAMBDA_MAX_CONCURRENCY allows",
        "Starts the runtime with the value 4 and waits for four parked polls.", sources::concurrency, "concurrency"},
       many_polls},
      {{"concurrency.own-ids", Level::must, "Each of several results goes under the id of its own event",
        "Hands out ten times four events at once.", sources::concurrency, "concurrency"},
       own_ids},
      {{"concurrency.parallel", Level::must, "Invocations run at the same time",
        "Hands out four invocations of 600 ms, and measures.", sources::concurrency, "concurrency"},
       in_parallel},
      {{"concurrency.error-beside", Level::must, "An error leaves the invocations beside it alone",
        "Lets one of four fail, and hands out four more.", sources::concurrency, "concurrency"},
       error_beside},
      {{"concurrency.late-beside", Level::should, "A response refused with 410 leaves the others alone",
        "Refuses one of four, and hands out four more.", sources::concurrency, "concurrency"},
       late_beside},
      {{"concurrency.shutdown", Level::must, "SIGTERM to the group ends all of it",
        "Sends SIGTERM while four polls are parked, and waits until nobody holds the output.", sources::lifecycle,
        "concurrency"},
       stop_all},
      {{"concurrency.init-failure", Level::must, "An instance whose handler cannot be loaded ends as a whole",
        "Starts the runtime with a _HANDLER that names nothing; the second init/error is answered with 403.",
        sources::emulator, "concurrency"},
       init_failure},
  };
}

}  // namespace kiln::conformance
