// SPDX-License-Identifier: Apache-2.0
// Names and times that kiln makes up: random ids, and the service's way to write a moment.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace kiln {

/// A random (version 4) UUID in lower case. Throws std::runtime_error where the kernel gives no random bytes.
std::string random_uuid();

/// `length` random characters of [a-z0-9].
std::string random_id(std::size_t length);

/// "2025-11-25T02:26:54.000+0000".
std::string timestamp_text(std::chrono::system_clock::time_point when);

/// A trace header of its own for a call that came without one: "Root=1-5759e988-bd862e3fe1be46a994272793".
std::string new_trace_id(std::chrono::system_clock::time_point when);

}  // namespace kiln
