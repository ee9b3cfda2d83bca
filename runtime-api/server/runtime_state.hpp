// SPDX-License-Identifier: Apache-2.0
// The states of a runtime as the official emulator names them, and the edges between them. What is not listed is
// forbidden (contract: emulator core/states.go).
#pragma once

#include <string>
#include <string_view>

namespace kiln {

enum class RuntimeState {
  started,              ///< the process runs, nothing has been heard of it
  init_ready,           ///< it has said that it is ready, and not polled yet (kiln's own)
  restore_ready,        ///< its snapshot may be taken; it waits to be restored
  restoring,            ///< it has been restored and runs its hooks
  restore_error,        ///< its hooks have failed; only its exit is awaited
  ready,                ///< it has polled for an event
  running,              ///< it has an event
  invocation_response,  ///< a response is being taken in
  invocation_error_response,
  response_sent,  ///< it has answered and not polled again
  init_error,     ///< it has reported a failed init; only its exit is awaited
};

/// Whether a runtime may go from one state to the other.
bool is_allowed(RuntimeState from, RuntimeState to);
/// The name on the wire, e.g. "RuntimeResponseSentState".
std::string_view state_name(RuntimeState state);
/// The message of a refused transition.
std::string transition_message(RuntimeState from, RuntimeState to);

}  // namespace kiln
