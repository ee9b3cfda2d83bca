// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/runtime_session.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

constexpr std::size_t remembered_timeouts = 64;

ApiError refuse_id() { return {400, std::string(error_types::invalid_request_id), "Invalid request ID"}; }
ApiError refuse_late() { return {410, std::string(error_types::invoke_timeout), "Invoke timeout"}; }

}  // namespace

std::string_view RuntimeSession::current_request_id() const {
  return calls_.empty() ? std::string_view() : std::string_view(calls_.front()->invocation->request_id);
}

RuntimeSession::Call* RuntimeSession::find(std::string_view request_id) {
  for (Call* const call : calls_) {
    if (call->invocation->request_id == request_id) return call;
  }
  return nullptr;
}

std::optional<ApiError> RuntimeSession::check_transition(RuntimeState from, RuntimeState to) const {
  if (is_allowed(from, to)) return std::nullopt;
  return ApiError{403, std::string(error_types::invalid_state_transition), transition_message(from, to)};
}

Task<InvocationResult> RuntimeSession::invoke(const Invocation& invocation, ResponseSink* sink, CallTrace* trace) {
  if (ended_) co_return end_error_;
  Call call{&invocation, sink, RuntimeState::running, {}, {}, trace};
  calls_.push_back(&call);
  if (sequential()) state_ = RuntimeState::running;
  Poll* const poll = polls_.front();
  polls_.pop_front();
  poll->outcome.set(&invocation);  // writes the event to the runtime's connection before it returns
  std::optional<InvocationResult> whole = co_await call.done;
  if (whole) co_return std::move(*whole);
  InvocationResult result = co_await pass_on(call);
  co_return result;
}

/// The way of a streamed response from the runtime's connection to the invoker's, to its end. Should the invoker go away the
/// function runs on, as one does whose answer is taken in whole, and what it still sends is dropped.
Task<InvocationResult> RuntimeSession::pass_on(Call& call) {
  const std::shared_ptr<ResponseStream> stream = call.stream;
  bool wanted = true;
  std::uint64_t dropped = 0;
  for (;;) {
    const std::string_view part = co_await stream->read();
    if (part.empty()) break;
    if (call.trace) call.trace->streamed_bytes += part.size();
    if (wanted) {
      wanted = co_await call.sink->write(part);
      continue;
    }
    dropped += part.size();
    if (dropped > limits::max_dropped_stream) {
      fail(call.invocation->request_id,
           {std::string(error_types::invoker_gone),
            platform_error_body(error_types::invoker_gone, "Nobody takes the response any more"),
            "application/json",
            {}});
    }
  }
  co_return stream->take_result();
}

/// Gives the one who waits for the call its result; who may let go of everything before this returns.
void RuntimeSession::settle(Call& call, InvocationResult result) {
  if (const std::shared_ptr<ResponseStream> stream = call.stream) {
    stream->close(std::move(result));
  } else {
    call.done.set(std::move(result));
  }
}

void RuntimeSession::fail(std::string_view request_id, const FunctionError& error) {
  Call* const call = find(request_id);
  if (!call) return;
  if (timed_out_ids_.size() >= std::max(remembered_timeouts, max_concurrency_))
    timed_out_ids_.erase(timed_out_ids_.begin());
  timed_out_ids_.emplace_back(request_id);
  std::erase(calls_, call);
  tell_idle();
  settle(*call, error);
}

void RuntimeSession::end(const FunctionError& error) {
  if (ended_) return;
  ended_ = true;
  end_error_ = error;
  // Each set may resume a caller that lets go of its frame, or the last one of this session: what comes after needs
  // nothing of it. Whoever waits for the init phase has no call under way.
  const FunctionError last = error;  // NOLINT(performance-unnecessary-copy-initialization): may go with a waiter
  const auto polls = std::exchange(polls_, {});
  const auto calls = std::exchange(calls_, {});
  RestorePoll* const restore_poll = std::exchange(restore_poll_, nullptr);
  const bool restoring = state_ == RuntimeState::restoring;
  if (restoring) {
    restored_.set(InitOutcome{false, last});
  } else {
    initialized_.set(InitOutcome{false, last});
  }
  if (restore_poll) restore_poll->outcome.set(RestorePoll::Gone{});
  for (Poll* const poll : polls) poll->outcome.set(Poll::Gone{});
  for (Call* const call : calls) settle(*call, last);
}

void RuntimeSession::next(Poll& poll) {
  if (ended_) {
    poll.outcome.set(Poll::Gone{});
    return;
  }
  if (sequential() && state_ == RuntimeState::running && !calls_.empty()) {
    poll.outcome.set(calls_.front()->invocation);
    return;
  }
  if (auto refused = check_transition(state_, RuntimeState::ready)) {
    poll.outcome.set(std::move(*refused));
    return;
  }
  if (polls_.size() >= limits::max_parked_polls) {
    poll.outcome.set(ApiError{500, std::string(error_types::too_many_idle_runtimes), "Too many idle runtimes"});
    return;
  }
  const RuntimeState before = std::exchange(state_, RuntimeState::ready);
  answered_id_.clear();
  polls_.push_back(&poll);
  if (before == RuntimeState::started) initialized_.set(InitOutcome{true, {}});
  if (before == RuntimeState::restoring) restored_.set(InitOutcome{true, {}});
  tell_idle();
}

void RuntimeSession::tell_idle() const {
  if (on_idle_ && idle()) on_idle_();
}

void RuntimeSession::abandon(Poll& poll) { polls_.remove(&poll); }

/// Whether an answer of this kind may begin. With several at once a call that is being answered is none that could be answered
/// again, while an error may still take the place of a response that has begun (emulator, managed instances).
std::optional<ApiError> RuntimeSession::check_answer(const Call& call, RuntimeState to) const {
  if (sequential()) return check_transition(call.state, to);
  const bool replaces = call.state == RuntimeState::invocation_response && to != call.state;
  if (replaces || is_allowed(call.state, to)) return std::nullopt;
  return refuse_id();
}

ApiError RuntimeSession::refusal(std::string_view request_id) const {
  const bool late = std::find(timed_out_ids_.begin(), timed_out_ids_.end(), request_id) != timed_out_ids_.end();
  return late ? refuse_late() : refuse_id();
}

std::optional<ApiError> RuntimeSession::begin_answer(Answer kind, std::string_view request_id,
                                                     std::string_view invocation_id) {
  const auto to =
      kind == Answer::response ? RuntimeState::invocation_response : RuntimeState::invocation_error_response;
  Call* const call = find(request_id);
  if (!call) {
    if (!answered_id_.empty() && request_id == answered_id_) return check_transition(state_, to);
    return refusal(request_id);
  }
  if (!invocation_id.empty() && !call->invocation->invocation_id.empty() &&
      invocation_id != call->invocation->invocation_id) {
    return refuse_late();
  }
  if (auto refused = check_answer(*call, to)) return refused;
  call->state = to;
  if (call->trace && kind == Answer::response) call->trace->response_begun = Deadline::Clock::now();
  if (sequential()) state_ = to;
  return std::nullopt;
}

bool RuntimeSession::takes_parts(std::string_view request_id, const ResponseHead& head) {
  const Call* const call = find(request_id);
  return call && call->sink && call->sink->takes_parts(head);
}

std::shared_ptr<ResponseStream> RuntimeSession::open_stream(std::string_view request_id, const ResponseHead& head) {
  Call* const call = find(request_id);
  if (!call) return nullptr;
  const auto stream = std::make_shared<ResponseStream>();
  call->stream = stream;
  call->sink->begin(head);
  call->done.set(std::nullopt);
  return stream;
}

bool RuntimeSession::complete(std::string_view request_id, InvocationResult result) {
  Call* const call = find(request_id);
  if (!call) return false;
  std::erase(calls_, call);
  if (sequential()) {
    // A bad response mode leaves the runtime where it is: its next poll is refused (contract, section 1.1).
    const auto* const error = std::get_if<FunctionError>(&result);
    const bool stuck = error && error->type == error_types::invalid_response_mode_header;
    if (!stuck) {
      state_ = RuntimeState::response_sent;
      answered_id_ = request_id;
    }
  }
  tell_idle();  // first: the one who waited for this call may let go of the session
  settle(*call, std::move(result));
  return true;
}

// --- init and restore --------------------------------------------------------------------------------------------------

std::optional<ApiError> RuntimeSession::begin_init_error() {
  // The emulator takes an init error of a runtime that runs its restore hooks as an error of these.
  if (state_ == RuntimeState::restoring) return begin_restore_error();
  if (auto refused = check_transition(state_, RuntimeState::init_error)) return refused;
  state_ = RuntimeState::init_error;
  return std::nullopt;
}

void RuntimeSession::complete_init_error(FunctionError error) {
  if (state_ == RuntimeState::restore_error) return complete_restore_error(std::move(error));
  initialized_.set(InitOutcome{false, std::move(error)});
}

std::optional<ApiError> RuntimeSession::init_ready() {
  if (auto refused = check_transition(state_, RuntimeState::init_ready)) return refused;
  state_ = RuntimeState::init_ready;
  initialized_.set(InitOutcome{true, {}});
  return std::nullopt;
}

void RuntimeSession::restore_next(RestorePoll& poll) {
  if (ended_) {
    poll.outcome.set(RestorePoll::Gone{});
    return;
  }
  if (auto refused = check_transition(state_, RuntimeState::restore_ready)) {
    poll.outcome.set(std::move(*refused));
    return;
  }
  state_ = RuntimeState::restore_ready;
  restore_poll_ = &poll;
  initialized_.set(InitOutcome{true, {}});
}

void RuntimeSession::restore() {
  state_ = RuntimeState::restoring;
  // Where the connection has gone meanwhile, the runtime cannot go on: whoever waits for it has a limit.
  if (restore_poll_) std::exchange(restore_poll_, nullptr)->outcome.set(RestorePoll::Restored{});
}

void RuntimeSession::abandon(RestorePoll& poll) {
  if (restore_poll_ == &poll) restore_poll_ = nullptr;
}

std::optional<ApiError> RuntimeSession::begin_restore_error() {
  if (auto refused = check_transition(state_, RuntimeState::restore_error)) return refused;
  state_ = RuntimeState::restore_error;
  return std::nullopt;
}

void RuntimeSession::complete_restore_error(FunctionError error) {
  restored_.set(InitOutcome{false, std::move(error)});
}

void RuntimeSession::report_memory(long kib) { memory_kib_ = std::max(memory_kib_, kib); }

}  // namespace kiln
