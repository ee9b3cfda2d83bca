// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "runtime-api/control-server/telemetry/log_text.hpp"

namespace kiln::standalone {
namespace {

constexpr std::size_t most_waiting = 16 << 20;  // bytes

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      pollfd room{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      return;  // nobody reads
    }
  }
}

}  // namespace

void Output::write(std::vector<LogSlice> slices) {
  std::size_t size = 0;
  for (const LogSlice& slice : slices) size += slice.to - slice.from;
  if (*waiting_ + size > most_waiting) {
    dropped_ += size;
    return;
  }
  std::string out;
  if (dropped_ > 0) {
    out = "kiln: the reader of this output was too slow: " + std::to_string(std::exchange(dropped_, 0)) +
          " bytes are missing here\n";
  }
  *waiting_ += size;
  writer_.submit([waiting = waiting_, size, text = std::move(out), kept = std::move(slices)]() mutable {
    std::string line;
    for (const LogSlice& slice : kept) {
      slice.each([&](const LogEvent& event) {
        if (!has_line(event)) return;
        line.clear();
        append_line(line, event);
        append_shown(text, {}, line);
      });
    }
    write_out(text);
    *waiting -= size;
  });
}

}  // namespace kiln::standalone
