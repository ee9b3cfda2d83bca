// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/extensions/extension_state.hpp"

namespace kiln {

bool is_allowed(ExtensionState from, ExtensionState to) {
  using enum ExtensionState;
  switch (from) {
    case started: return to == registered;
    case registered: return to == ready || to == init_error || to == exit_error;
    case ready: return to == exit_error;
    case running: return to == ready || to == exit_error;
    // A report may be repeated; the first one counts.
    case init_error: return to == init_error;
    case exit_error: return to == exit_error;
    case shutdown_failed:
    case exited:
    case launch_error: return false;
  }
  return false;
}

std::string_view state_name(ExtensionState state) {
  using enum ExtensionState;
  switch (state) {
    case started: return "Started";
    case registered: return "Registered";
    case ready: return "Ready";
    case running: return "Running";
    case init_error: return "InitError";
    case exit_error: return "ExitError";
    case shutdown_failed: return "ShutdownFailed";
    case exited: return "Exited";
    case launch_error: return "LaunchError";
  }
  return "Unknown";
}

std::string transition_message(ExtensionState from, ExtensionState to, std::string_view extension) {
  // Where an exit error is refused, the emulator names the state after it.
  const auto aim = to == ExtensionState::exit_error ? ExtensionState::exited : to;
  return "State transition from " + std::string(state_name(from)) + " to " + std::string(state_name(aim)) +
         " failed for extension " + std::string(extension) + ". Error: State transition is not allowed";
}

}  // namespace kiln
