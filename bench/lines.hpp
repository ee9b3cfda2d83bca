// SPDX-License-Identifier: Apache-2.0
// Pipes to child processes, read by the line.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "bench/sockets.hpp"

namespace kiln::bench {

/// Read end, write end; both close-on-exec. Throws std::system_error.
std::pair<Socket, Socket> make_pipe();

/// Reads `fd` until a whole line that starts with `start`, and returns it without its end; empty where the pipe ends or
/// `patience` runs out first.
std::string read_line(int fd, const std::string& start, std::chrono::seconds patience);

}  // namespace kiln::bench
