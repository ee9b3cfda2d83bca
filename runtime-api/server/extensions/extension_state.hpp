// SPDX-License-Identifier: Apache-2.0
// The states of an extension as the official emulator names them, and the edges between them. What is not listed is
// forbidden (contract: emulator core/externalagent_states.go, core/internalagent_states.go).
#pragma once

#include <string>
#include <string_view>

namespace kiln {

enum class ExtensionState {
  started,          ///< an external one whose process runs; it has not registered
  registered,       ///< it has not asked for an event yet
  ready,            ///< it waits for an event
  running,          ///< it has an event, or has gone away while it waited for one
  init_error,       ///< it has reported a failed init
  exit_error,       ///< it has reported that it has to end
  shutdown_failed,  ///< its process did not end by itself when it was told to
  exited,
  launch_error,
};

/// Whether an extension may go from one state to the other by a request of its own.
bool is_allowed(ExtensionState from, ExtensionState to);
/// The name on the wire, e.g. "InitError".
std::string_view state_name(ExtensionState state);
/// The message of a refused transition; `extension` is its name where it registers, else its identifier.
std::string transition_message(ExtensionState from, ExtensionState to, std::string_view extension);

}  // namespace kiln
