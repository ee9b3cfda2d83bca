// SPDX-License-Identifier: Apache-2.0
// What of this host a sandboxed function sees: its programs and libraries, read-only, the few files below /etc that programs
// look for, and harmless devices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln {

// Where an instance finds what is its own.
inline constexpr const char* inside_task = "/var/task";
inline constexpr const char* inside_runtime = "/var/runtime";
inline constexpr const char* inside_layers = "/opt";

/// Looks at the host as it is now. `inside_uid` is what the instance's user is called in /etc/passwd.
sandbox::RootLayout system_root(std::uint32_t inside_uid);

/// Absolute paths below /proc that no sandbox shows.
std::vector<std::string> masked_paths();

}  // namespace kiln
