// SPDX-License-Identifier: Apache-2.0
// The state machine: posts and polls that come when they may not, and the init phase.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

constexpr const char* init_body = R"({"errorMessage": "cannot import", "errorType": "ImportError", "stackTrace": []})";

// --- invocations -----------------------------------------------------------------------------------------------------

void before_next(ServerBench& bench) {
  auto started = bench.started();
  expect_refused(started.runtime.respond(new_uuid(), "1"), 400, error_types::invalid_request_id,
                 "a response before the first poll");
  expect_refused(started.runtime.fail(new_uuid(), "{}"), 400, error_types::invalid_request_id,
                 "an error before the first poll");
}

void unknown_id(ServerBench& bench) {
  auto running = bench.running();
  expect_refused(running.runtime.respond(new_uuid(), "1"), 400, error_types::invalid_request_id,
                 "a response to an id that is not under way");
  expect_refused(running.runtime.fail(new_uuid(), "{}"), 400, error_types::invalid_request_id,
                 "an error for an id that is not under way");
  expect(running.call.pending(100ms), "the invocation still open", "an answer to the invoker");
  expect_accepted(running.runtime.respond(running.id, "\"right\""), "the response to the right id");
  expect_result(running.answer(), "\"right\"");
}

void second_response(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "\"first\""));
  expect_refused(running.runtime.respond(running.id, "\"second\""), 403, error_types::invalid_state_transition,
                 "a second response to the same event");
  expect_result(running.answer(), "\"first\"");
}

void error_after_response(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "\"first\""));
  expect_refused(running.runtime.fail(running.id, "{}"), 403, error_types::invalid_state_transition,
                 "an error behind a response to the same event");
  expect_result(running.answer(), "\"first\"");
}

void after_next(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "1"));
  expect_result(running.answer(), "1");
  running.runtime.poll();
  expect(running.runtime.quiet(50ms), "a parked poll", "an answer, or the end");
  auto other = bench.runtime();
  expect_refused(other.respond(running.id, "2"), 400, error_types::invalid_request_id,
                 "a response to the last event, behind the next poll");
}

// --- init ------------------------------------------------------------------------------------------------------------

void init_error_accepted(ServerBench& bench) {
  auto started = bench.started();
  const Message answer =
      started.runtime.fail_init(init_body, {{std::string(headers::error_type), "Runtime.ImportModuleError"}});
  expect_accepted(answer, "an init error");
  expect_json("the body of the 202", R"({"status":"OK"})", answer.body);
}

/// Lets instances fail, as `fail` has it, until the call is answered: a platform may try again.
Message answer_of_failing(ServerBench& bench, Call& call, void (*fail)(ServerBench&)) {
  fail(bench);
  while (call.pending(300ms) && bench.another_instance(bench.patience())) fail(bench);
  return call.answer();
}

void init_error_told(ServerBench& bench) {
  auto call = bench.call();
  const Message answer = answer_of_failing(bench, call, [](ServerBench& each) {
    each.runtime().fail_init(init_body, {{std::string(headers::error_type), "Runtime.ImportModuleError"}});
    each.instance().exit(1);
  });
  expect_text("the invoker gets the posted body,", init_body, answer.body);
}

void init_exit_told(ServerBench& bench) {
  auto call = bench.call();
  const Message answer = answer_of_failing(bench, call, [](ServerBench& each) { each.instance().exit(3); });
  const std::string message = expect_function_error(answer, error_types::exit_error);
  expect(message.find("exit status 3") != std::string::npos, "an errorMessage with \"exit status 3\"", message);
}

void init_error_twice(ServerBench& bench) {
  auto started = bench.started();
  expect_accepted(started.runtime.fail_init(init_body), "an init error");
  expect_refused(started.runtime.fail_init(init_body), 403, error_types::invalid_state_transition,
                 "a second init error");
}

void init_error_after_next(ServerBench& bench) {
  auto running = bench.running();
  expect_refused(running.runtime.fail_init(init_body), 403, error_types::invalid_state_transition,
                 "an init error behind the first poll");
  expect_accepted(running.runtime.respond(running.id, "1"));
  expect_result(running.answer(), "1");
}

void next_after_init_error(ServerBench& bench) {
  auto started = bench.started();
  expect_accepted(started.runtime.fail_init(init_body), "an init error");
  started.runtime.poll();
  const auto answer = started.runtime.answer_or_end("a poll behind an init error");
  if (answer) expect_refused(*answer, 403, error_types::invalid_state_transition, "a poll behind an init error");
}

void environment_kept(ServerBench& bench) {
  auto started = bench.started();
  const auto& given = bench.instance().environment();
  for (const char* name :
       {environment::runtime_api, environment::handler, environment::function_name, environment::function_version,
        environment::function_memory, environment::log_group, environment::log_stream}) {
    expect(given.count(name) == 1 && !given.at(name).empty(), std::string("the variable ") + name, "none");
  }
}

void environment_of_service(ServerBench& bench) {
  auto started = bench.started();
  const auto& given = bench.instance().environment();
  for (const char* name :
       {environment::region, environment::default_region, environment::task_root, environment::runtime_dir,
        environment::initialization_type, "TZ", "LANG", "PATH", "LD_LIBRARY_PATH"}) {
    expect(given.count(name) == 1 && !given.at(name).empty(), std::string("the variable ") + name, "none");
  }
}

}  // namespace

ServerCases state_cases() {
  return {
      {{"state.before-next", Level::must, "Before the first poll there is nothing to answer",
        "Posts a response and an error at once: 400 InvalidRequestID.", sources::emulator},
       before_next},
      {{"state.unknown-id", Level::must, "An answer to another id is refused, the invocation stays open",
        "Posts to ids that are none: 400 InvalidRequestID; then to the right one.", sources::response},
       unknown_id},
      {{"state.second-response", Level::must, "A second response to the same event is refused",
        "Posts twice: 403 InvalidStateTransition.", sources::emulator},
       second_response},
      {{"state.error-after-response", Level::must, "So is an error behind the response",
        "Posts a response, then an error: 403 InvalidStateTransition.", sources::emulator},
       error_after_response},
      {{"state.response-after-next", Level::must, "Behind the next poll the last id is unknown",
        "Posts a response to the last event while a poll is parked: 400 InvalidRequestID.", sources::emulator},
       after_next},
      {{"init.error-accepted", Level::must, "An init error is answered with 202", "Posts one before the first poll.",
        sources::init_error},
       init_error_accepted},
      {{"init.error-told", Level::must, "The invoker gets the init error to the byte",
        "Posts one and ends with a failure, as often as the platform tries.", sources::init_error},
       init_error_told},
      {{"init.exit-told", Level::must, "An end without a word during init is told to the invoker",
        "Ends with the status 3 before the first poll: Runtime.ExitError.", sources::service},
       init_exit_told},
      {{"init.error-twice", Level::must, "A second init error is refused", "Posts twice: 403 InvalidStateTransition.",
        sources::emulator},
       init_error_twice},
      {{"init.error-after-next", Level::must, "Behind the first poll an init error is refused",
        "Posts one while an event is under way: 403 InvalidStateTransition.", sources::init_error},
       init_error_after_next},
      {{"init.next-after-error", Level::must, "A runtime that has failed to initialize gets no event",
        "Polls behind an init error: 403 InvalidStateTransition, or the end.", sources::emulator},
       next_after_init_error},
      {{"init.environment", Level::must, "A runtime is told what it needs to know in its environment",
        "Looks for the variables that the official clients fail without.", sources::environment},
       environment_kept},
      {{"init.environment-of-service", Level::should, "And what the service tells beside that",
        "Looks for region, folders, time zone, paths.", sources::service},
       environment_of_service},
  };
}

}  // namespace kiln::conformance
