// SPDX-License-Identifier: Apache-2.0
// One instance's side of the Runtime API: the state machine of its runtime, and the rendezvous between an invocation and
// the poll that takes it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/invocation_source.hpp"
#include "runtime-api/server/runtime_state.hpp"

namespace kiln {

/// How the init phase ended.
struct InitOutcome {
  bool ready = false;   ///< the runtime has polled for its first event, said that it is ready, or asked to be restored
  FunctionError error;  ///< where not ready
};

/// What an invocation's response was like on its way in, for those who want to know.
struct CallTrace {
  Deadline::Clock::time_point response_begun = {};  ///< its head was there; the epoch where none came
  std::uint64_t streamed_bytes = 0;                 ///< that came in parts
};

/// Data-plane thread only. Owned by the instance; the connections of the instance refer to it and are closed before it goes.
class RuntimeSession final : public InvocationSource {
 public:
  explicit RuntimeSession(std::size_t max_concurrency = 1) : max_concurrency_(max_concurrency) {}
  RuntimeSession(const RuntimeSession&) = delete;
  RuntimeSession& operator=(const RuntimeSession&) = delete;

  // --- the platform's side ---

  /// Whether an event can be handed out at once.
  bool idle() const { return free_slots() > 0; }
  /// How many events can be handed out at once.
  std::size_t free_slots() const {
    // A poll that was parked beside the one that took the event says nothing: the runtime works, or has not come back.
    if (ended_ || state_ != RuntimeState::ready || calls_.size() >= max_concurrency_) return 0;
    return std::min(polls_.size(), max_concurrency_ - calls_.size());
  }
  std::size_t in_flight() const { return calls_.size(); }
  /// The id of the only (or oldest) invocation under way; empty where there is none.
  std::string_view current_request_id() const;

  /// Hands `invocation` to the runtime and waits for what becomes of it. Precondition: idle(). `invocation` and `sink` must
  /// outlive the call. Crash, timeout and shutdown arrive here through `fail`. A response that `sink` takes in parts has gone
  /// through it when this returns; the result is then a Success without a body.
  /// `trace` (null: nobody wants it) is filled on the way.
  Task<InvocationResult> invoke(const Invocation& invocation, ResponseSink* sink = nullptr, CallTrace* trace = nullptr);
  /// Ends one invocation with `error`, where it is still under way; late answers to it are refused with 410.
  void fail(std::string_view request_id, const FunctionError& error);
  /// The runtime is gone or going: ends every invocation and the init phase with `error`, refuses all that follows.
  void end(const FunctionError& error);

  /// The end of the init phase. To be awaited once.
  Completion<InitOutcome>& initialized() { return initialized_; }
  /// Whether the runtime waits to be restored.
  bool awaits_restore() const { return state_ == RuntimeState::restore_ready && !ended_; }
  /// Lets it go on. Precondition: awaits_restore().
  void restore();
  /// What its hooks came to: ready once it polls. To be awaited once, after restore().
  Completion<InitOutcome>& restored() { return restored_; }
  /// Whether it has said that it is ready and not asked for an event yet.
  bool ready_without_poll() const { return state_ == RuntimeState::init_ready && !ended_; }
  /// Called each time the runtime has become able to take a further event.
  void on_idle(std::function<void()> callback) { on_idle_ = std::move(callback); }
  /// The largest figure the runtime has reported, in KiB; 0 where it reports none.
  long reported_memory_kib() const { return memory_kib_; }

  // --- the runtime's side ---

  void next(Poll& poll) override;
  void abandon(Poll& poll) override;
  std::optional<ApiError> begin_answer(Answer kind, std::string_view request_id,
                                       std::string_view invocation_id) override;
  bool takes_parts(std::string_view request_id, const ResponseHead& head) override;
  std::shared_ptr<ResponseStream> open_stream(std::string_view request_id, const ResponseHead& head) override;
  bool complete(std::string_view request_id, InvocationResult result) override;
  ApiError refusal(std::string_view request_id) const override;
  std::optional<ApiError> begin_init_error() override;
  void complete_init_error(FunctionError error) override;
  std::optional<ApiError> init_ready() override;
  void restore_next(RestorePoll& poll) override;
  void abandon(RestorePoll& poll) override;
  std::optional<ApiError> begin_restore_error() override;
  void complete_restore_error(FunctionError error) override;
  void report_memory(long kib) override;

 private:
  struct Call {
    const Invocation* invocation;
    ResponseSink* sink = nullptr;
    RuntimeState state = RuntimeState::running;
    std::shared_ptr<ResponseStream> stream;  // once the response comes in parts
    /// What became of it; null: the response comes in parts, and what becomes of it is said at the stream's end.
    Completion<std::optional<InvocationResult>> done;
    CallTrace* trace = nullptr;
  };

  void tell_idle() const;
  static void settle(Call& call, InvocationResult result);
  Task<InvocationResult> pass_on(Call& call);
  Call* find(std::string_view request_id);
  std::optional<ApiError> check_transition(RuntimeState from, RuntimeState to) const;
  std::optional<ApiError> check_answer(const Call& call, RuntimeState to) const;
  bool sequential() const { return max_concurrency_ == 1; }

  const std::size_t max_concurrency_;
  RuntimeState state_ = RuntimeState::started;  // with several at once: of an invocation, none
  std::list<Poll*> polls_;                      // oldest first
  std::vector<Call*> calls_;                    // oldest first; each lives in the frame of its invoke()
  std::string answered_id_;                     // sequential: answered, and the runtime has not polled again
  std::vector<std::string> timed_out_ids_;      // late answers to these get 410
  Completion<InitOutcome> initialized_;
  RestorePoll* restore_poll_ = nullptr;
  Completion<InitOutcome> restored_;
  std::function<void()> on_idle_;
  FunctionError end_error_;
  bool ended_ = false;
  long memory_kib_ = 0;
};

}  // namespace kiln
