// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

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

Output::Output(LogStore& logs, WorkerPool& writer, const std::string& function) : writer_(writer) {
  LogQuery everything;
  everything.times = false;
  subscription_ = logs.subscribe(function, everything, [this](const LogEvent&, std::string_view text) { write(text); });
}

void Output::write(std::string_view text) {
  if (*waiting_ + text.size() > most_waiting) {
    dropped_ += text.size();
    return;
  }
  std::string out;
  if (dropped_ > 0) {
    out = "kiln: the reader of this output was too slow: " + std::to_string(std::exchange(dropped_, 0)) +
          " bytes are missing here\n";
  }
  out += text;
  if (out.back() != '\n') out += '\n';
  *waiting_ += out.size();
  writer_.submit([waiting = waiting_, kept = std::move(out)] {
    write_out(kept);
    *waiting -= kept.size();
  });
}

}  // namespace kiln::standalone
