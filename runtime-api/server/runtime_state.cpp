// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/runtime_state.hpp"

namespace kiln {

bool is_allowed(RuntimeState from, RuntimeState to) {
  using enum RuntimeState;
  switch (from) {
    case started: return to == ready || to == init_ready || to == restore_ready || to == init_error;
    case init_ready: return to == ready;
    case restore_ready: return to == restoring;
    case restoring: return to == ready || to == restore_error;
    case restore_error: return false;
    case ready: return to == ready || to == running;
    // A runtime that polls again while it has an event is given the same event again.
    case running: return to == running || to == invocation_response || to == invocation_error_response;
    case invocation_response:
    case invocation_error_response: return to == response_sent;
    case response_sent: return to == ready;
    case init_error: return false;
  }
  return false;
}

std::string_view state_name(RuntimeState state) {
  using enum RuntimeState;
  switch (state) {
    case started: return "Started";
    case init_ready: return "InitReady";
    case restore_ready: return "RestoreReady";
    case restoring: return "Restoring";
    case restore_error: return "RuntimeRestoreErrorState";
    case ready: return "Ready";
    case running: return "Running";
    case invocation_response: return "InvocationResponse";
    case invocation_error_response: return "InvocationErrorResponse";
    case response_sent: return "RuntimeResponseSentState";
    case init_error: return "InitError";
  }
  return "Unknown";
}

std::string transition_message(RuntimeState from, RuntimeState to) {
  return "State transition from " + std::string(state_name(from)) + " to " + std::string(state_name(to)) +
         " failed for runtime. Error: State transition is not allowed";
}

}  // namespace kiln
