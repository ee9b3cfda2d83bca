// SPDX-License-Identifier: Apache-2.0
// Instances that end, hang or come too late, and what invokers see of it.
#include <csignal>
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/server/cases.hpp"
#include "conformance/sources.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

constexpr Setting brief{.timeout = 1s};

void finish(Running& running, const std::string& body = "1") {
  expect_accepted(running.runtime.respond(running.id, body));
  expect_result(running.answer(), body);
}

// --- what the invoker is told ----------------------------------------------------------------------------------------

void function_error_header(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.fail(running.id, R"({"errorMessage":"m","errorType":"T"})");
  const Message answer = running.answer();
  expect_status(answer, 200, "an invocation whose handler failed");
  const auto header = answer.field(headers::amz_function_error);
  expect(header.has_value(), std::string(headers::amz_function_error), "none");
}

void no_function_error_header(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.respond(running.id, "1");
  const auto header = running.answer().field(headers::amz_function_error);
  expect(!header, "no " + std::string(headers::amz_function_error) + " for a good response", header.value_or(""));
}

void request_id_header(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.respond(running.id, "1");
  const auto header = running.answer().field(headers::amzn_request_id);
  expect(header == running.id, std::string(headers::amzn_request_id) + ": " + running.id, header.value_or("none"));
}

void executed_version(ServerBench& bench) {
  auto running = bench.running();
  running.runtime.respond(running.id, "1");
  const auto header = running.answer().field(headers::amz_executed_version);
  expect(header == "$LATEST", std::string(headers::amz_executed_version) + ": $LATEST", header.value_or("none"));
}

/// An invocation that is refused before anything runs.
void refused_call(ServerBench& bench, std::string_view body, Fields fields, int status, std::string_view what) {
  auto call = bench.call(body, std::move(fields));
  expect_status(call.answer(), status, what);
}

void bad_payload(ServerBench& bench) { refused_call(bench, "{\"not json", {}, 400, "a payload that is not JSON"); }

void bad_client_context(ServerBench& bench) {
  refused_call(bench, "{}", {{std::string(headers::amz_client_context), "bm90IGpzb24="}}, 400,
               "a client context that is not JSON");
}

void large_payload(ServerBench& bench) {
  refused_call(bench, "\"" + std::string(limits::max_request_payload - 1, 'p') + "\"", {}, 413,
               "a payload of 6,291,457 bytes");
}

void second_call(ServerBench& bench) {
  auto running = bench.running("1");
  auto second = bench.call("2");
  expect(second.pending(200ms), "a second invocation that waits, or runs elsewhere", "an answer at once");
  expect_accepted(running.runtime.respond(running.id, "1"));
  expect_result(running.answer(), "1");
  running.runtime.poll();
  if (running.runtime.quiet(500ms) && bench.another_instance(bench.patience())) {
    running.runtime = bench.runtime();
    running.runtime.poll();
  }
  const Message event = running.runtime.event();
  expect_text("the second event", "2", event.body);
  expect_accepted(running.runtime.respond(event_id(event), "2"));
  running.runtime.poll();
  expect_result(second.answer(), "2");
}

// --- timeouts --------------------------------------------------------------------------------------------------------

void timeout_told(ServerBench& bench) {
  bench.use(brief);
  auto running = bench.running();
  const auto given = Message::Clock::now();
  const Message answer = running.call.answer();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Message::Clock::now() - given);
  expect(answer.body.find("Task timed out after 1.00 seconds") != std::string::npos,
         "the invoker gets \"Task timed out after 1.00 seconds\"", shown(answer.body));
  expect(took > 500ms && took < 3s, "about a second after the event was given",
         std::to_string(took.count()) + " ms after");
}

void timeout_is_json(ServerBench& bench) {
  bench.use(brief);
  auto running = bench.running();
  expect_function_error(running.call.answer(), error_types::timed_out);
}

void timeout_late(ServerBench& bench) {
  bench.use(brief);
  auto running = bench.running();
  running.call.answer();
  running.runtime.send(running.runtime.request_bytes("POST", response_target(running.id), {}, "\"late\""));
  const auto answer = running.runtime.answer_or_end("a response behind the timeout");
  if (answer) {
    expect(answer->status() == 410 || answer->status() == 400,
           "410 InvokeTimeout (or 400), or the end of the connection",
           std::to_string(answer->status()) + " " + shown(answer->body));
  }
}

void timeout_ends_instance(ServerBench& bench) {
  bench.use(brief);
  auto running = bench.running();
  running.call.answer();
  expect(bench.instance().gone(3s), "the end of an instance that has timed out", "it lives on after 3 s");
}

void timeout_then_next(ServerBench& bench) {
  bench.use(brief);
  auto running = bench.running();
  running.call.answer();
  auto second = bench.call("2");
  bench.next_instance();
  auto runtime = bench.runtime();
  const Message event = runtime.next();
  expect_text("the event of the fresh instance", "2", event.body);
  expect_accepted(runtime.respond(event_id(event), "2"));
  runtime.poll();
  expect_result(second.answer(), "2");
}

// --- ends ------------------------------------------------------------------------------------------------------------

void exit_told(ServerBench& bench) {
  auto running = bench.running();
  bench.instance().exit(42);
  const std::string message = expect_function_error(running.call.answer(), error_types::exit_error);
  expect(message.find("exit status 42") != std::string::npos, "an errorMessage with \"exit status 42\"", message);
}

void clean_exit_told(ServerBench& bench) {
  auto running = bench.running();
  bench.instance().exit(0);
  expect_function_error(running.call.answer(), error_types::exit_error);
}

void signal_told(ServerBench& bench) {
  auto running = bench.running();
  bench.instance().raise(SIGKILL);
  const std::string message = expect_function_error(running.call.answer(), error_types::exit_error);
  expect(message.find("signal") != std::string::npos, "an errorMessage with \"signal\"", message);
}

void exit_after_response(ServerBench& bench) {
  auto running = bench.running();
  expect_accepted(running.runtime.respond(running.id, "\"done\""));
  running.runtime.close();
  bench.instance().exit(1);
  expect_result(running.call.answer(), "\"done\"");
}

void exit_then_next(ServerBench& bench) {
  auto running = bench.running();
  bench.instance().exit(42);
  running.call.answer();
  auto second = bench.call("2");
  bench.next_instance();
  auto runtime = bench.runtime();
  const Message event = runtime.next();
  expect_text("the event of the fresh instance", "2", event.body);
  expect_accepted(runtime.respond(event_id(event), "2"));
  runtime.poll();
  expect_result(second.answer(), "2");
}

void gone_while_idle(ServerBench& bench) {
  auto running = bench.running();
  finish(running);
  running.runtime.poll();
  expect(running.runtime.quiet(50ms), "a parked poll", "an answer, or the end");
  running.runtime.close();
  bench.instance().exit(0);
  expect(bench.instance().gone(bench.patience()), "the end of the stand-in", "it lives on");
  auto second = bench.call("2");
  bench.next_instance();
  auto runtime = bench.runtime();
  const Message event = runtime.next();
  expect_text("the event of the fresh instance", "2", event.body);
  expect_accepted(runtime.respond(event_id(event), "2"));
  runtime.poll();
  expect_result(second.answer(), "2");
}

}  // namespace

ServerCases invoker_cases() {
  return {
      {{"invoke.function-error", Level::must, "A handler's failure is 200 with X-Amz-Function-Error",
        "Posts an error, and reads the invoker's head.", sources::service},
       function_error_header},
      {{"invoke.no-function-error", Level::must, "A good response has no X-Amz-Function-Error", "Posts a response.",
        sources::invoke},
       no_function_error_header},
      {{"invoke.request-id", Level::must, "The invoker is told the id that the runtime had",
        "Compares x-amzn-RequestId with the event's.", sources::service},
       request_id_header},
      {{"invoke.executed-version", Level::must, "The invoker is told the version that ran",
        "Looks for X-Amz-Executed-Version.", sources::service},
       executed_version},
      {{"invoke.payload-not-json", Level::must, "A payload that is not JSON is refused before anything runs",
        "Invokes with one that breaks off; the Node client exits at such an event.", sources::service},
       bad_payload},
      {{"invoke.client-context-not-json", Level::must, "So is a client context that is not JSON",
        "Invokes with one; the Node and Rust clients exit at it.", sources::service},
       bad_client_context},
      {{"invoke.payload-too-large", Level::must, "A payload over 6 MiB is refused with 413, not cut",
        "Invokes with 6,291,457 bytes.", sources::service},
       large_payload},
      {{"invoke.second-call", Level::must, "A second call while one runs is served, too",
        "Invokes twice; another instance is as good as a turn behind the first.", sources::service},
       second_call},
  };
}

ServerCases lifecycle_cases() {
  return {
      {{"timeout.told", Level::must, "The invoker is told of a timeout when it happens",
        "Lets an event of a function with a timeout of 1 s lie.", sources::lifecycle},
       timeout_told},
      {{"timeout.json", Level::must, "It is told in JSON: Sandbox.Timedout", "Reads what the invoker gets.",
        sources::service},
       timeout_is_json},
      {{"timeout.late-response", Level::must, "A response behind the timeout is not accepted", "Posts one.",
        sources::emulator},
       timeout_late},
      {{"timeout.ends-instance", Level::must, "An instance that has timed out is not used again, but ended",
        "Waits for the end of the process.", sources::lifecycle},
       timeout_ends_instance},
      {{"timeout.then-next", Level::must, "The next call gets a fresh instance", "Invokes again.", sources::lifecycle},
       timeout_then_next},
      {{"exit.told", Level::must, "An end in the middle of an invocation is told, with its status",
        "Ends with 42: Runtime.ExitError, \"exit status 42\".", sources::lifecycle},
       exit_told},
      {{"exit.clean-told", Level::must, "So is one with the status 0", "Ends with 0: Runtime.ExitError.",
        sources::lifecycle},
       clean_exit_told},
      {{"exit.signal-told", Level::must, "So is a death by signal", "Dies of SIGKILL: Runtime.ExitError, \"signal\".",
        sources::lifecycle},
       signal_told},
      {{"exit.after-response", Level::must, "An end behind the response leaves the response as it is",
        "Responds, then ends with 1 before the next poll.", sources::service},
       exit_after_response},
      {{"exit.then-next", Level::must, "The next call gets a fresh instance", "Invokes again.", sources::lifecycle},
       exit_then_next},
      {{"exit.while-idle", Level::must, "An instance that goes while it waits is noticed",
        "Ends while a poll is parked, then invokes: a fresh instance gets the event.", sources::service},
       gone_while_idle},
  };
}

}  // namespace kiln::conformance
