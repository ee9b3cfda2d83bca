// SPDX-License-Identifier: Apache-2.0
// What the Runtime API of one instance needs from the platform behind it: events to hand out, and someone to take the
// answers. The routes know nothing else; no pool, no launcher.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/response_stream.hpp"

namespace kiln {

/// A refused call: the status and the two members of its body.
struct ApiError {
  int status = 500;
  std::string type;
  std::string message;
};

/// One parked GET /next. Lives in the route's frame; the source forgets it in `abandon` or when it completes it.
struct Poll {
  struct Gone {};
  /// The event to write (valid until the route next waits), or why there is none.
  using Outcome = std::variant<const Invocation*, ApiError, Gone>;
  Completion<Outcome> outcome;
};

/// One parked GET /restore/next, likewise.
struct RestorePoll {
  struct Restored {};
  struct Gone {};
  using Outcome = std::variant<Restored, ApiError, Gone>;
  Completion<Outcome> outcome;
};

/// Data-plane thread only. Every method returns at once.
class InvocationSource {
 public:
  virtual ~InvocationSource() = default;

  /// A runtime asks for an event. Completes `poll` now or later, unless it is abandoned first.
  virtual void next(Poll& poll) = 0;
  /// The connection behind a parked poll is gone: `poll` is not to be touched again.
  virtual void abandon(Poll& poll) = 0;

  enum class Answer { response, error };
  /// Checks that an answer to `request_id` may be posted now, before its body is read, and takes the state there.
  /// `invocation_id` is what the runtime echoed, empty where it did not.
  virtual std::optional<ApiError> begin_answer(Answer kind, std::string_view request_id,
                                               std::string_view invocation_id) = 0;
  /// Whether the response begun above is to be passed on in parts, to `open_stream`; else it is taken in whole.
  virtual bool takes_parts(std::string_view request_id, const ResponseHead& head) = 0;
  /// The stream for the parts, once the first is there. Null where the invocation has ended meanwhile.
  virtual std::shared_ptr<ResponseStream> open_stream(std::string_view request_id, const ResponseHead& head) = 0;
  /// The answer is in, in whole or the last part of it: the invocation begun above ends with `result` (of a stream, a Success
  /// without a body). False where it had ended meanwhile (timeout, crash).
  virtual bool complete(std::string_view request_id, InvocationResult result) = 0;
  /// What is said to an answer whose invocation is not under way, or has ended while its body came in.
  virtual ApiError refusal(std::string_view request_id) const = 0;

  /// Checks that an init error may be posted now, and takes the state there.
  virtual std::optional<ApiError> begin_init_error() = 0;
  virtual void complete_init_error(FunctionError error) = 0;
  /// The runtime is ready, and says so before it asks for its first event.
  virtual std::optional<ApiError> init_ready() = 0;

  /// The runtime may be snapshotted. Completes `poll` once it has been restored, unless it is abandoned first.
  virtual void restore_next(RestorePoll& poll) = 0;
  virtual void abandon(RestorePoll& poll) = 0;
  /// Checks that a restore error may be posted now, and takes the state there.
  virtual std::optional<ApiError> begin_restore_error() = 0;
  virtual void complete_restore_error(FunctionError error) = 0;

  /// Peak resident memory in KiB, as a runtime of ours reports it beside an answer.
  virtual void report_memory(long kib) = 0;
};

}  // namespace kiln
