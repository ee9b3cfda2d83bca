// SPDX-License-Identifier: Apache-2.0
// Several invocations at once in one instance, of a function with a concurrency above 1.
#include <algorithm>
#include <map>
#include <set>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

constexpr int wide = 4;
constexpr Setting concurrent{.timeout = 60s, .concurrency = wide};

struct Crowd {
  std::vector<Call> calls;
  std::vector<RuntimePeer> runtimes;  // one poll each
};

/// `calls` invocations whose payloads are their numbers, and `polls` connections that poll.
Crowd gather(ServerBench& bench, int calls, int polls) {
  Crowd crowd;
  for (int number = 0; number < calls; ++number) crowd.calls.push_back(bench.call(std::to_string(number)));
  for (int number = 0; number < polls; ++number) {
    crowd.runtimes.push_back(bench.runtime());
    crowd.runtimes.back().poll();
  }
  return crowd;
}

/// The events that have come, by the index of their connection, until there are `enough` or `span` has passed.
std::map<std::size_t, Message> events_of(Crowd& crowd, std::size_t enough, std::chrono::milliseconds span) {
  std::map<std::size_t, Message> events;
  for (const Deadline deadline = Deadline::after(span); events.size() < enough && !deadline.passed();) {
    for (std::size_t at = 0; at < crowd.runtimes.size(); ++at) {
      if (events.count(at) == 0 && !crowd.runtimes[at].quiet(10ms)) events.emplace(at, crowd.runtimes[at].event());
    }
  }
  return events;
}

void variable(ServerBench& bench) {
  bench.use(concurrent);
  auto started = bench.started();
  const auto& given = bench.instance().environment();
  const auto found = given.find(environment::max_concurrency);
  expect(found != given.end() && found->second == std::to_string(wide), "AWS_LAMBDA_MAX_CONCURRENCY=4",
         found == given.end() ? "no such variable" : found->second);
}

void many_at_once(ServerBench& bench) {
  bench.use(concurrent);
  Crowd crowd = gather(bench, wide, wide);
  auto events = events_of(crowd, wide, bench.patience());
  expect(events.size() == wide, "four events on four polls at once", std::to_string(events.size()));
  std::set<std::string> ids;
  for (auto& [at, event] : events) ids.insert(event_id(event));
  expect(ids.size() == wide, "four different ids", std::to_string(ids.size()));
  // Answered in the reverse order of their coming, each gets its own.
  for (auto entry = events.rbegin(); entry != events.rend(); ++entry) {
    expect_accepted(crowd.runtimes[entry->first].respond(event_id(entry->second), "[" + entry->second.body + "]"));
  }
  for (int number = 0; number < wide; ++number) {
    expect_result(crowd.calls[static_cast<std::size_t>(number)].answer(), "[" + std::to_string(number) + "]");
  }
}

void limit_held(ServerBench& bench) {
  bench.use(concurrent);
  Crowd crowd = gather(bench, wide + 2, wide + 2);
  auto events = events_of(crowd, wide, bench.patience());
  expect(events.size() == wide, "four events", std::to_string(events.size()));
  const auto more = events_of(crowd, wide + 1, 500ms);
  expect(more.empty(), "no fifth event before one is answered, however many polls are parked", "a fifth");
  const auto first = events.begin();
  expect_accepted(crowd.runtimes[first->first].respond(event_id(first->second), "1"));
  crowd.runtimes[first->first].poll();
  const auto fifth = events_of(crowd, 1, bench.patience());
  expect(fifth.size() == 1, "a fifth event once one is answered", std::to_string(fifth.size()));
}

void error_beside(ServerBench& bench) {
  bench.use(concurrent);
  Crowd crowd = gather(bench, 2, 2);
  auto events = events_of(crowd, 2, bench.patience());
  expect(events.size() == 2, "two events on two polls at once", std::to_string(events.size()));
  const std::string failed = events.begin()->second.body;
  expect_accepted(crowd.runtimes[events.begin()->first].fail(event_id(events.begin()->second),
                                                             R"({"errorMessage":"m","errorType":"T"})"));
  expect_accepted(crowd.runtimes[events.rbegin()->first].respond(event_id(events.rbegin()->second), "\"good\""),
                  "a response beside an error");
  const std::size_t good = failed == "0" ? 1 : 0;
  expect_result(crowd.calls[good].answer(), "\"good\"");
}

void unknown_id(ServerBench& bench) {
  bench.use(concurrent);
  Crowd crowd = gather(bench, 1, 2);
  auto events = events_of(crowd, 1, bench.patience());
  expect(events.size() == 1, "one event", std::to_string(events.size()));
  auto other = bench.runtime();
  expect_refused(other.respond(new_uuid(), "1"), 400, error_types::invalid_request_id, "a response to an unknown id");
  expect_accepted(other.respond(event_id(events.begin()->second), "\"right\""), "a response over another connection");
  expect_result(crowd.calls[0].answer(), "\"right\"");
}

/// One of two invocations times out, the other began a second later.
void late_beside(ServerBench& bench) {
  bench.use({.timeout = 2s, .concurrency = wide});
  Crowd crowd = gather(bench, 1, 2);
  auto first = events_of(crowd, 1, bench.patience());
  expect(first.size() == 1, "one event", std::to_string(first.size()));
  const std::size_t late = first.begin()->first;
  expect(crowd.calls[0].pending(1200ms), "an invocation of 2 s", "an answer");
  crowd.calls.push_back(bench.call("1"));
  auto& neighbour = crowd.runtimes[1 - late];
  const Message second = neighbour.event();
  const Message told = crowd.calls[0].answer();
  expect(told.body.find("Task timed out") != std::string::npos, "the first invoker told of the timeout",
         shown(told.body));
  expect_refused(crowd.runtimes[late].respond(event_id(first.begin()->second), "1"), 410, error_types::invoke_timeout,
                 "a response behind the timeout");
  expect_accepted(neighbour.respond(event_id(second), "\"in time\""), "a response beside a timeout");
  expect_result(crowd.calls[1].answer(), "\"in time\"");
}

}  // namespace

ServerCases parallel_cases() {
  return {
      {{"concurrency.variable", Level::must, "A runtime is told how many invocations it may have at once",
        "Looks for AWS_LAMBDA_MAX_CONCURRENCY.", sources::concurrency},
       variable},
      {{"concurrency.many", Level::must, "Several events are out at once, each answer goes to its own invoker",
        "Takes four events, and answers them in reverse order.", sources::concurrency},
       many_at_once},
      {{"concurrency.limit", Level::must, "Never more than the limit, however many polls are parked",
        "Parks six polls for six calls; the Node client polls before it has answered.", sources::clients},
       limit_held},
      {{"concurrency.error-beside", Level::must, "An error leaves the invocations beside it alone",
        "Answers one of two with an error.", sources::concurrency},
       error_beside},
      {{"concurrency.unknown-id", Level::must, "Ids are held apart", "Posts to an unknown id beside a known one.",
        sources::concurrency},
       unknown_id},
      {{"concurrency.late-beside", Level::must,
        "A timeout leaves the invocations beside it alone, what comes late is 410",
        "Lets one of two time out after 2 s.", sources::emulator},
       late_beside},
  };
}

}  // namespace kiln::conformance
