// SPDX-License-Identifier: Apache-2.0
#include "bench/lines.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "bench/statistics.hpp"

namespace kiln::bench {

std::pair<Socket, Socket> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  return {Socket(ends[0]), Socket(ends[1])};
}

std::string read_line(int fd, const std::string& start, std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  std::string text;
  for (;;) {
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      if (line.starts_with(start)) return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd readable{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) != 1) return {};
    char buffer[512];
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) return {};
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace kiln::bench
