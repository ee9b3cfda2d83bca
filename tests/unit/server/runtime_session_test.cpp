// SPDX-License-Identifier: Apache-2.0
// The session without HTTP: every state with every event, one invocation at a time and several.
#include "runtime-api/server/runtime_session.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime-api/protocol/error_types.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

const std::string own_id = "11111111-1111-4111-8111-111111111111";
const std::string own_attempt = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const FunctionError some_error{"Some.Error", "{}"};

/// A call of the platform's side, kept until its result is there.
struct Call {
  Invocation invocation;
  std::optional<InvocationResult> result;
};

// Holds the call itself: a test may have let go of it when the session ends.
Task<void> run_call(RuntimeSession& session, std::shared_ptr<Call> call) {
  InvocationResult result = co_await session.invoke(call->invocation);
  call->result = std::move(result);
}

std::shared_ptr<Call> invoke(RuntimeSession& session, const std::string& id = own_id,
                             const std::string& attempt = own_attempt) {
  auto call = std::make_shared<Call>();
  call->invocation.request_id = id;
  call->invocation.invocation_id = attempt;
  spawn(run_call(session, call), [](std::exception_ptr e) { std::rethrow_exception(std::move(e)); });
  return call;
}

std::string text_of(const std::optional<ApiError>& error) {
  if (!error) return "ok";
  std::string out = std::to_string(error->status) + " " + error->type;
  const std::string_view message = error->message;
  if (error->type == error_types::invalid_state_transition) {
    // "State transition from X to Y failed for runtime. …": X and Y are what matters.
    const auto from = message.find("from ") + 5;
    out = std::to_string(error->status) + " " + std::string(message.substr(from, message.find(" failed") - from));
  }
  return out;
}

Task<void> take_outcome(Poll& poll, std::string& out) {
  const Poll::Outcome outcome = co_await poll.outcome;
  if (const auto* const invocation = std::get_if<const Invocation*>(&outcome)) {
    out = "event " + (*invocation)->request_id;
  } else if (const auto* const error = std::get_if<ApiError>(&outcome)) {
    out = text_of(*error);
  } else {
    out = "gone";
  }
}

std::string outcome_of(Poll& poll) {
  if (!poll.outcome.is_set()) return "parked";
  std::string out;
  spawn(take_outcome(poll, out), [](const std::exception_ptr&) {});
  return out;
}

/// A session taken to one of its states, with everything that hangs on it.
struct Driven {
  explicit Driven(unsigned max_concurrency = 1) : session(max_concurrency) {}
  Driven(const Driven&) = delete;
  Driven& operator=(const Driven&) = delete;
  ~Driven() { session.end(some_error); }

  Poll& poll() {
    polls.push_back(std::make_unique<Poll>());
    session.next(*polls.back());
    return *polls.back();
  }
  Driven& ready() {
    poll();
    return *this;
  }
  Driven& running() {
    ready();
    calls.push_back(invoke(session));
    return *this;
  }
  Driven& answering(InvocationSource::Answer kind) {
    running();
    CHECK(text_of(session.begin_answer(kind, own_id, own_attempt)) == "ok");
    return *this;
  }
  Driven& answered() {
    answering(InvocationSource::Answer::response);
    session.complete(own_id, Success{"application/json", "1"});
    return *this;
  }

  std::vector<std::unique_ptr<Poll>> polls;  // outlive the session's last words
  std::vector<std::shared_ptr<Call>> calls;
  RuntimeSession session;
};

struct Row {
  std::string state;
  std::function<void(Driven&)> reach;
  bool idle;
  std::string next, response, error, foreign, init_error;
};

using enum InvocationSource::Answer;

const std::string bad_id = "400 InvalidRequestID";

/// The whole table for one invocation at a time.
std::vector<Row> sequential_table() {
  return {
      {"started", [](Driven&) {}, false, "parked", bad_id, bad_id, bad_id, "ok"},
      {"ready", [](Driven& d) { d.ready(); }, true, "parked", bad_id, bad_id, bad_id, "403 Ready to InitError"},
      {"running", [](Driven& d) { d.running(); }, false, "event " + own_id, "ok", "ok", bad_id,
       "403 Running to InitError"},
      {"taking in a response", [](Driven& d) { d.answering(response); }, false, "403 InvocationResponse to Ready",
       "403 InvocationResponse to InvocationResponse", "403 InvocationResponse to InvocationErrorResponse", bad_id,
       "403 InvocationResponse to InitError"},
      {"taking in an error", [](Driven& d) { d.answering(error); }, false, "403 InvocationErrorResponse to Ready",
       "403 InvocationErrorResponse to InvocationResponse", "403 InvocationErrorResponse to InvocationErrorResponse",
       bad_id, "403 InvocationErrorResponse to InitError"},
      {"answered", [](Driven& d) { d.answered(); }, false, "parked",
       "403 RuntimeResponseSentState to InvocationResponse", "403 RuntimeResponseSentState to InvocationErrorResponse",
       bad_id, "403 RuntimeResponseSentState to InitError"},
      {"polled again", [](Driven& d) { d.answered().ready(); }, true, "parked", bad_id, bad_id, bad_id,
       "403 Ready to InitError"},
      {"failed its init", [](Driven& d) { CHECK_FALSE(d.session.begin_init_error()); }, false, "403 InitError to Ready",
       bad_id, bad_id, bad_id, "403 InitError to InitError"},
      {"timed out while running",
       [](Driven& d) {
         d.running();
         d.session.fail(own_id, some_error);
       },
       false, "403 Running to Ready", "410 InvokeTimeout", "410 InvokeTimeout", bad_id, "403 Running to InitError"},
      {"timed out while it answers",
       [](Driven& d) {
         d.answering(response);
         d.session.fail(own_id, some_error);
       },
       false, "403 InvocationResponse to Ready", "410 InvokeTimeout", "410 InvokeTimeout", bad_id,
       "403 InvocationResponse to InitError"},
      {"answered in a bad mode",
       [](Driven& d) {
         d.answering(response);
         d.session.complete(own_id, FunctionError{std::string(error_types::invalid_response_mode_header), ""});
       },
       false, "403 InvocationResponse to Ready", bad_id, bad_id, bad_id, "403 InvocationResponse to InitError"},
      {"ended",
       [](Driven& d) {
         d.running();
         d.session.end(some_error);
       },
       false, "gone", bad_id, bad_id, bad_id, "403 Running to InitError"},
  };
}

const FunctionError& error_in(const Call& call) {
  REQUIRE(call.result);
  return std::get<FunctionError>(*call.result);
}

}  // namespace

TEST_CASE("One at a time: every state answers every event as the table says") {
  for (const Row& row : sequential_table()) {
    INFO(row.state);
    const auto fresh = [&row] {
      auto driven = std::make_unique<Driven>();
      row.reach(*driven);
      return driven;
    };
    CHECK(fresh()->session.idle() == row.idle);
    {
      const auto driven = fresh();
      CHECK(outcome_of(driven->poll()) == row.next);
    }
    CHECK(text_of(fresh()->session.begin_answer(response, own_id, own_attempt)) == row.response);
    CHECK(text_of(fresh()->session.begin_answer(error, own_id, own_attempt)) == row.error);
    CHECK(text_of(fresh()->session.begin_answer(response, "22222222", "")) == row.foreign);
    CHECK(text_of(fresh()->session.begin_answer(error, "", "")) == row.foreign);
    CHECK(text_of(fresh()->session.begin_init_error()) == row.init_error);
  }
}

TEST_CASE("One at a time: whatever was refused before, the way through is still open") {
  for (const Row& row : sequential_table()) {
    if (row.state.starts_with("timed out") || row.state == "ended" || row.state == "failed its init" ||
        row.state == "answered in a bad mode") {
      continue;  // from here only the end of the process follows
    }
    INFO(row.state);
    Driven driven;
    row.reach(driven);
    // Every event that this state refuses, one after another, must leave no trace.
    if (row.response != "ok") (void)driven.session.begin_answer(response, own_id, own_attempt);
    if (row.error != "ok") (void)driven.session.begin_answer(error, own_id, own_attempt);
    (void)driven.session.begin_answer(response, "22222222", "");
    if (row.init_error != "ok") (void)driven.session.begin_init_error();
    driven.session.fail("22222222", some_error);
    driven.session.complete("22222222", Success{});
    if (row.next.starts_with("403")) {
      driven.session.complete(own_id, Success{});
      driven.poll();
    } else if (!driven.session.idle()) {
      if (row.state == "running") {
        CHECK_FALSE(driven.session.begin_answer(response, own_id, ""));
        driven.session.complete(own_id, Success{});
      }
      driven.poll();
    }
    REQUIRE(driven.session.idle());
    const auto call = invoke(driven.session, "33333333");
    CHECK_FALSE(driven.session.begin_answer(response, "33333333", own_attempt));
    driven.session.complete("33333333", Success{"text/plain", "done"});
    REQUIRE(call->result);
    CHECK(std::get<Success>(*call->result).body == "done");
  }
}

TEST_CASE("The result of an invocation is what was completed first") {
  Driven driven;
  driven.answered();
  REQUIRE(driven.calls[0]->result);
  CHECK(std::get<Success>(*driven.calls[0]->result).body == "1");
  driven.session.complete(own_id, Success{"", "2"});
  driven.session.fail(own_id, some_error);
  CHECK(std::get<Success>(*driven.calls[0]->result).body == "1");
}

TEST_CASE("An answer under way when the invocation times out changes nothing any more") {
  Driven driven;
  driven.answering(response);
  driven.session.fail(own_id, FunctionError{"Sandbox.Timedout", "late"});
  driven.session.complete(own_id, Success{"", "too late"});
  CHECK(error_in(*driven.calls[0]).body == "late");
}

TEST_CASE("The attempt that is echoed must be the one in flight, and none is as good") {
  Driven driven;
  driven.running();
  CHECK(text_of(driven.session.begin_answer(response, own_id, "another")) == "410 InvokeTimeout");
  CHECK(text_of(driven.session.begin_answer(error, own_id, "another")) == "410 InvokeTimeout");
  CHECK_FALSE(driven.calls[0]->result);  // the call stays open
  SECTION("the right one") { CHECK(text_of(driven.session.begin_answer(response, own_id, own_attempt)) == "ok"); }
  SECTION("none") { CHECK(text_of(driven.session.begin_answer(response, own_id, "")) == "ok"); }
}

TEST_CASE("Where the platform sends no attempt, any echo is taken") {
  Driven driven;
  driven.ready();
  const auto call = invoke(driven.session, own_id, "");
  CHECK(text_of(driven.session.begin_answer(response, own_id, "whatever")) == "ok");
}

TEST_CASE("A poll that is abandoned gets no event") {
  Driven driven;
  Poll& first = driven.poll();
  CHECK(driven.session.idle());
  driven.session.abandon(first);
  CHECK_FALSE(driven.session.idle());
  Poll& second = driven.poll();
  const auto call = invoke(driven.session);
  CHECK(outcome_of(first) == "parked");
  CHECK(outcome_of(second) == "event " + own_id);
}

TEST_CASE("A second poll parked before the event does not make the runtime idle while it works or has not come back") {
  Driven driven;
  Poll& first = driven.poll();
  Poll& second = driven.poll();
  const auto call = invoke(driven.session);
  CHECK(outcome_of(first) == "event " + own_id);
  CHECK(outcome_of(second) == "parked");
  CHECK_FALSE(driven.session.idle());
  CHECK_FALSE(driven.session.begin_answer(response, own_id, ""));
  driven.session.complete(own_id, Success{});
  CHECK_FALSE(driven.session.idle());  // it has answered, and not polled since
  driven.poll();
  CHECK(driven.session.idle());
}

TEST_CASE("A second poll parked before a timeout does not make the runtime idle") {
  Driven driven;
  driven.ready().running();
  driven.session.fail(own_id, some_error);
  CHECK_FALSE(driven.session.idle());
}

TEST_CASE("The first poll ends the init phase, and tells that the runtime is idle") {
  Driven driven;
  int idle = 0;
  driven.session.on_idle([&] { ++idle; });
  CHECK_FALSE(driven.session.initialized().is_set());
  driven.poll();
  CHECK(driven.session.initialized().is_set());
  CHECK(idle == 1);
  const auto call = invoke(driven.session);
  CHECK_FALSE(driven.session.begin_answer(response, own_id, ""));
  driven.session.complete(own_id, Success{});
  CHECK(idle == 1);
  driven.poll();
  CHECK(idle == 2);
}

TEST_CASE("An init error ends the init phase with what the runtime said") {
  Driven driven;
  CHECK_FALSE(driven.session.begin_init_error());
  CHECK_FALSE(driven.session.initialized().is_set());
  driven.session.complete_init_error(FunctionError{"Runtime.ImportModuleError", "{\"x\":1}"});
  REQUIRE(driven.session.initialized().is_set());
  std::string body;
  spawn(
      [](RuntimeSession& session, std::string& out) -> Task<void> {
        const InitOutcome outcome = co_await session.initialized();
        if (!outcome.ready) out = outcome.error.body;
      }(driven.session, body),
      [](const std::exception_ptr&) {});
  CHECK(body == "{\"x\":1}");
}

TEST_CASE("The end of the runtime ends its init, its polls and its invocations, once") {
  Driven driven(3);
  Poll& first = driven.poll();
  driven.poll();
  driven.poll();
  driven.calls.push_back(invoke(driven.session, "1"));
  driven.calls.push_back(invoke(driven.session, "2"));
  Poll& parked = *driven.polls[2];
  driven.session.end(FunctionError{"Runtime.ExitError", "gone"});
  driven.session.end(FunctionError{"Other", "later"});
  CHECK(outcome_of(first) == "event 1");
  CHECK(outcome_of(parked) == "gone");
  CHECK(error_in(*driven.calls[0]).body == "gone");
  CHECK(error_in(*driven.calls[1]).body == "gone");
  CHECK(driven.session.in_flight() == 0);
  CHECK_FALSE(driven.session.idle());
  const auto late = invoke(driven.session, "3");
  CHECK(error_in(*late).body == "gone");
}

TEST_CASE("The end may be told with the error that the session keeps, and its waiters may let go of the session") {
  auto driven = std::make_unique<RuntimeSession>(2U);
  Poll one;
  Poll two;
  driven->next(one);
  driven->next(two);
  std::vector<std::string> results;
  const auto hold = [](std::unique_ptr<RuntimeSession>& session, Invocation invocation,
                       std::vector<std::string>& out) -> Task<void> {
    InvocationResult result = co_await session->invoke(invocation);
    out.push_back(std::get<FunctionError>(result).body);
    session.reset();  // the first one out takes the session with it
  };
  RuntimeSession& session = *driven;
  Invocation first;
  first.request_id = "1";
  Invocation second;
  second.request_id = "2";
  spawn(hold(driven, first, results), [](const std::exception_ptr&) {});
  spawn(hold(driven, second, results), [](const std::exception_ptr&) {});
  session.end(FunctionError{"Runtime.ExitError", std::string(100, 'e')});
  CHECK(results == std::vector<std::string>{std::string(100, 'e'), std::string(100, 'e')});
}

TEST_CASE("The largest memory figure is kept") {
  RuntimeSession session;
  CHECK(session.reported_memory_kib() == 0);
  session.report_memory(100);
  session.report_memory(50);
  session.report_memory(-1);
  CHECK(session.reported_memory_kib() == 100);
}

// --- several at once -------------------------------------------------------------------------------------------------

TEST_CASE("Several at once: polls are served oldest first, each with an event of its own") {
  Driven driven(3);
  Poll& first = driven.poll();
  Poll& second = driven.poll();
  const auto one = invoke(driven.session, "1");
  const auto two = invoke(driven.session, "2");
  CHECK(outcome_of(first) == "event 1");
  CHECK(outcome_of(second) == "event 2");
  CHECK(outcome_of(driven.poll()) == "parked");  // and not an event that is out already
  CHECK(driven.session.in_flight() == 2);
  CHECK(driven.session.current_request_id() == "1");
}

TEST_CASE("Several at once: every state of one call answers every event, and no other call is touched") {
  using Step = std::function<void(RuntimeSession&)>;
  struct CallRow {
    std::string state;
    Step reach;
    std::string response, error;
  };
  const std::vector<CallRow> table{
      {"running", [](RuntimeSession&) {}, "ok", "ok"},
      {"taking in a response", [](RuntimeSession& s) { (void)s.begin_answer(response, "1", ""); }, bad_id, "ok"},
      {"taking in an error", [](RuntimeSession& s) { (void)s.begin_answer(error, "1", ""); }, bad_id, bad_id},
      {"taking in an error instead of a response",
       [](RuntimeSession& s) {
         (void)s.begin_answer(response, "1", "");
         (void)s.begin_answer(error, "1", "");
       },
       bad_id, bad_id},
      {"answered by an error while a response came in",
       [](RuntimeSession& s) {
         (void)s.begin_answer(response, "1", "");
         (void)s.begin_answer(error, "1", "");
         s.complete("1", some_error);
         CHECK_FALSE(s.complete("1", Success{}));
       },
       bad_id, bad_id},
      {"answered",
       [](RuntimeSession& s) {
         (void)s.begin_answer(response, "1", "");
         s.complete("1", Success{});
       },
       bad_id, bad_id},
      {"timed out", [](RuntimeSession& s) { s.fail("1", some_error); }, "410 InvokeTimeout", "410 InvokeTimeout"},
  };
  for (const CallRow& row : table) {
    for (const auto kind : {response, error}) {
      INFO(row.state);
      Driven driven(3);
      driven.poll();
      driven.poll();
      const auto one = invoke(driven.session, "1");
      const auto two = invoke(driven.session, "2");
      row.reach(driven.session);
      CHECK(text_of(driven.session.begin_answer(kind, "1", "")) == (kind == response ? row.response : row.error));
      CHECK(text_of(driven.session.begin_init_error()) == "403 Ready to InitError");
      CHECK(outcome_of(driven.poll()) == "parked");
      CHECK(text_of(driven.session.begin_answer(kind, "2", "")) == "ok");
      driven.session.complete("2", Success{"", "two"});
      REQUIRE(two->result);
      CHECK(std::get<Success>(*two->result).body == "two");
    }
  }
}

TEST_CASE("Several at once: no more are in flight than allowed, however many polls are parked") {
  Driven driven(2);
  for (int i = 0; i < 5; ++i) driven.poll();
  int idle = 0;
  driven.session.on_idle([&] { ++idle; });
  const auto one = invoke(driven.session, "1");
  CHECK(driven.session.idle());
  const auto two = invoke(driven.session, "2");
  CHECK_FALSE(driven.session.idle());
  driven.poll();
  CHECK(idle == 0);
  (void)driven.session.begin_answer(response, "1", "");
  driven.session.complete("1", Success{});
  CHECK(driven.session.idle());
  CHECK(idle == 1);  // a poll was waiting, so the place that came free is worth telling
  driven.session.fail("2", some_error);
  CHECK(idle == 2);
}

TEST_CASE("Several at once: only the first of several init errors counts") {
  Driven driven(4);
  CHECK(text_of(driven.session.begin_init_error()) == "ok");
  driven.session.complete_init_error(some_error);
  CHECK(text_of(driven.session.begin_init_error()) == "403 InitError to InitError");
  CHECK(outcome_of(driven.poll()) == "403 InitError to Ready");
}

TEST_CASE("Late answers are recognised for the last 64 timeouts, or as many as there may be at once") {
  const auto answer_to = [](std::size_t at_once, const char* id) {
    Driven driven(at_once);
    std::vector<std::shared_ptr<Call>> calls;
    for (int i = 0; i < 100; ++i) {
      driven.poll();
      calls.push_back(invoke(driven.session, std::to_string(i)));
      driven.session.fail(std::to_string(i), some_error);
    }
    return text_of(driven.session.begin_answer(response, id, ""));
  };
  CHECK(answer_to(20, "99") == "410 InvokeTimeout");
  CHECK(answer_to(20, "36") == "410 InvokeTimeout");
  CHECK(answer_to(20, "35") == bad_id);
  CHECK(answer_to(200, "0") == "410 InvokeTimeout");
}
