// SPDX-License-Identifier: Apache-2.0
// The registry without HTTP: every state with every request, who holds the instance up, what counts as a failure.
#include "runtime-api/server/extensions/extension_registry.hpp"

#include <memory>
#include <string>
#include <vector>

#include "runtime-api/server/async/task.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

/// A registry with what it tells its instance.
struct Driven {
  Driven() {
    registry.set_hooks(
        {[this] { ++settled; }, [this](const ExtensionFailure& failure) { failures.push_back(failure); }});
  }
  Driven(const Driven&) = delete;
  Driven& operator=(const Driven&) = delete;
  ~Driven() { registry.end(); }

  std::string register_as(const std::string& name, std::vector<std::string> events) {
    auto registered = registry.register_extension({name, std::move(events)});
    if (const auto* const error = std::get_if<ApiError>(&registered)) return error->type;
    return std::get<const Extension*>(registered)->identifier;
  }
  ExtensionPoll& poll(const std::string& id) {
    polls.push_back(std::make_unique<ExtensionPoll>());
    registry.next(id, *polls.back());
    return *polls.back();
  }

  unsigned identifiers = 0;
  unsigned settled = 0;
  std::vector<ExtensionFailure> failures;
  std::vector<std::unique_ptr<ExtensionPoll>> polls;
  ExtensionRegistry registry{{{"f", "1", "i.h", "0"}, true, [this] { return "id-" + std::to_string(++identifiers); }}};
};

Task<void> take(ExtensionPoll& poll, std::string& out) {
  const ExtensionPoll::Outcome outcome = co_await poll.outcome;
  if (const auto* const invocation = std::get_if<const Invocation*>(&outcome)) {
    out = "invoke " + (*invocation)->request_id;
  } else if (const auto* const shutdown = std::get_if<ShutdownEvent>(&outcome)) {
    out = "shutdown " + std::string(to_string(shutdown->reason));
  } else if (const auto* const error = std::get_if<ApiError>(&outcome)) {
    out = error->type;
  } else {
    out = "gone";
  }
}

std::string outcome_of(ExtensionPoll& poll) {
  if (!poll.outcome.is_set()) return "parked";
  std::string out;
  spawn(take(poll, out), [](const std::exception_ptr&) {});
  return out;
}

Invocation event(const std::string& id) {
  Invocation invocation;
  invocation.request_id = id;
  return invocation;
}

/// Takes a fresh external extension to `state`, subscribed to both events. Returns its identifier.
std::string take_to(Driven& driven, ExtensionState state) {
  driven.registry.expect("e");
  const std::string id = driven.registry.extensions().front()->identifier;
  if (state == ExtensionState::started) return id;
  driven.register_as("e", {"INVOKE", "SHUTDOWN"});
  switch (state) {
    case ExtensionState::ready: driven.poll(id); break;
    case ExtensionState::running: {
      driven.poll(id);
      driven.registry.invoke(event("r"));
      break;
    }
    case ExtensionState::init_error: driven.registry.report(ExtensionRegistry::Report::init_error, id, "T", ""); break;
    case ExtensionState::exit_error: driven.registry.report(ExtensionRegistry::Report::exit_error, id, "T", ""); break;
    case ExtensionState::exited: driven.registry.process_ended("e", ""); break;
    default: break;
  }
  return id;
}

const std::vector<ExtensionState> reachable{
    ExtensionState::started,    ExtensionState::registered, ExtensionState::ready, ExtensionState::running,
    ExtensionState::init_error, ExtensionState::exit_error, ExtensionState::exited};

}  // namespace

TEST_CASE("Every state of an extension with every request") {
  struct Row {
    ExtensionState state;
    std::string registers, polls, init_error, exit_error;
  };
  const std::string no = "Extension.InvalidExtensionState";
  const std::vector<Row> table{
      {ExtensionState::started, "ok", no, no, no},    {ExtensionState::registered, no, "ok", "ok", "ok"},
      {ExtensionState::ready, no, no, no, "ok"},      {ExtensionState::running, no, "ok", no, "ok"},
      {ExtensionState::init_error, no, no, "ok", no}, {ExtensionState::exit_error, no, no, no, "ok"},
      {ExtensionState::exited, no, no, no, no},
  };
  REQUIRE(table.size() == reachable.size());
  for (const Row& row : table) {
    INFO(state_name(row.state));
    {
      Driven driven;
      take_to(driven, row.state);
      CHECK(driven.registry.extensions().front()->state == row.state);
      const std::string answer = driven.register_as("e", {});
      CHECK((answer == no ? no : "ok") == row.registers);
    }
    {
      Driven driven;
      const std::string answer = outcome_of(driven.poll(take_to(driven, row.state)));
      CHECK((answer == "parked" ? "ok" : answer) == row.polls);
    }
    for (const auto kind : {ExtensionRegistry::Report::init_error, ExtensionRegistry::Report::exit_error}) {
      Driven driven;
      const auto refused = driven.registry.report(kind, take_to(driven, row.state), "T", "");
      const auto& expected = kind == ExtensionRegistry::Report::init_error ? row.init_error : row.exit_error;
      CHECK((refused ? refused->type : "ok") == expected);
    }
  }
}

TEST_CASE("The instance is held up until everyone launched or registered has asked for an event") {
  Driven driven;
  CHECK(driven.registry.settled());
  driven.registry.expect("one");
  driven.registry.expect("two");
  CHECK_FALSE(driven.registry.settled());
  const std::string one = driven.register_as("one", {"SHUTDOWN"});
  const std::string two = driven.register_as("two", {"INVOKE"});
  const std::string three = driven.register_as("inside", {});
  driven.poll(one);
  driven.poll(two);
  CHECK_FALSE(driven.registry.settled());
  CHECK(driven.settled == 0);
  driven.poll(three);
  CHECK(driven.registry.settled());
  CHECK(driven.settled == 1);
}

TEST_CASE("An event goes to its subscribers, who hold the instance up until they ask again") {
  Driven driven;
  driven.registry.expect("quiet");
  const std::string quiet = driven.register_as("quiet", {"SHUTDOWN"});
  const std::string busy = driven.register_as("inside", {"INVOKE"});
  ExtensionPoll& quiet_poll = driven.poll(quiet);
  ExtensionPoll& busy_poll = driven.poll(busy);
  const Invocation first = event("r1");
  driven.registry.invoke(first);
  CHECK(outcome_of(quiet_poll) == "parked");
  CHECK(outcome_of(busy_poll) == "invoke r1");
  CHECK_FALSE(driven.registry.settled());
  CHECK(outcome_of(driven.poll(busy)) == "parked");
  CHECK(driven.registry.settled());
  CHECK(driven.settled == 2);
}

TEST_CASE("An abandoned poll gets no event, and its extension is waited for only where it wants events") {
  Driven driven;
  driven.registry.expect("quiet");
  const std::string quiet = driven.register_as("quiet", {"SHUTDOWN"});
  const std::string busy = driven.register_as("inside", {"INVOKE"});
  driven.registry.abandon(driven.poll(quiet));
  CHECK_FALSE(driven.registry.settled());
  ExtensionPoll& lost = driven.poll(busy);
  CHECK(driven.registry.settled());
  driven.registry.abandon(lost);
  CHECK_FALSE(driven.registry.settled());
  ExtensionPoll& poll = driven.poll(busy);
  CHECK(driven.registry.settled());
  const Invocation last = event("r");
  driven.registry.invoke(last);
  CHECK(outcome_of(lost) == "parked");
  CHECK(outcome_of(poll) == "invoke r");
}

TEST_CASE("The end of a process is a failure, once, unless it was reported or asked for") {
  Driven driven;
  SECTION("with a status") {
    take_to(driven, ExtensionState::ready);
    driven.registry.process_ended("e", "exit status 3");
    REQUIRE(driven.failures.size() == 1);
    CHECK(driven.failures[0].type == "Extension.Crash");
    CHECK(driven.failures[0].message == "Extension e exited with error: exit status 3");
  }
  SECTION("without one, and before it registered") {
    take_to(driven, ExtensionState::started);
    driven.registry.process_ended("e", "");
    REQUIRE(driven.failures.size() == 1);
    CHECK(driven.failures[0].message == "Extension e exited without providing a reason");
    CHECK(driven.settled == 0);
  }
  SECTION("of one that has reported") {
    take_to(driven, ExtensionState::init_error);
    driven.registry.process_ended("e", "exit status 1");
    REQUIRE(driven.failures.size() == 1);
    CHECK(driven.failures[0].type == "Extension.InitError");
    CHECK(driven.registry.extensions().front()->state == ExtensionState::init_error);
    CHECK(driven.registry.extensions().front()->error_type == "T");
  }
  SECTION("of one that was told to end") {
    take_to(driven, ExtensionState::ready);
    driven.registry.shut_down({});
    driven.registry.process_ended("e", "");
    CHECK(driven.failures.empty());
    CHECK(driven.registry.extensions().front()->state == ExtensionState::exited);
  }
  SECTION("of one that had to be killed") {
    take_to(driven, ExtensionState::ready);
    driven.registry.shut_down({});
    driven.registry.process_ended("e", "signal: killed");
    CHECK(driven.failures.empty());
    CHECK(driven.registry.extensions().front()->state == ExtensionState::shutdown_failed);
  }
  SECTION("of a stranger") {
    driven.registry.process_ended("nobody", "exit status 1");
    CHECK(driven.failures.empty());
  }
}

TEST_CASE("Shutdown is told once to those who want it, and closes the registration") {
  Driven driven;
  driven.registry.expect("parked");
  driven.registry.expect("working");
  driven.registry.expect("deaf");
  const std::string parked = driven.register_as("parked", {"SHUTDOWN"});
  const std::string working = driven.register_as("working", {"SHUTDOWN"});
  const std::string deaf = driven.register_as("deaf", {"INVOKE"});
  ExtensionPoll& parked_poll = driven.poll(parked);
  ExtensionPoll& deaf_poll = driven.poll(deaf);
  driven.registry.shut_down({ShutdownReason::timeout, Deadline()});
  driven.registry.shut_down({ShutdownReason::failure, Deadline()});
  CHECK(outcome_of(parked_poll) == "shutdown TIMEOUT");
  CHECK(outcome_of(deaf_poll) == "parked");
  CHECK(outcome_of(driven.poll(working)) == "shutdown TIMEOUT");
  CHECK(outcome_of(driven.poll(working)) == "parked");
  CHECK(driven.register_as("late", {}) == "Extension.RegistrationClosed");
}

TEST_CASE("Nothing can be waited for after the end") {
  Driven driven;
  const std::string id = take_to(driven, ExtensionState::registered);
  driven.registry.end();
  CHECK(outcome_of(driven.poll(id)) == "gone");
}
