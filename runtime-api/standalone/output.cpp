// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

namespace kiln::standalone {
namespace {

constexpr std::size_t most_waiting = 16 << 20;  // bytes
constexpr std::size_t most_at_once = 64 << 10;  // bytes
constexpr std::chrono::milliseconds soon{2};    // until a line is written

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

Output::Output(EventLoop& loop, LogStore& logs, WorkerPool& writer, const std::string& function)
    : writer_(writer), timer_(loop) {
  LogQuery everything;
  everything.times = false;
  subscription_ = logs.subscribe(function, everything, [this](const LogEvent&, std::string_view text) { write(text); });
}

Output::~Output() { hand_over(); }

void Output::write(std::string_view text) {
  if (*waiting_ + pending_.size() + text.size() > most_waiting) {
    dropped_ += text.size();
    return;
  }
  if (dropped_ > 0) {
    pending_ += "kiln: the reader of this output was too slow: " + std::to_string(std::exchange(dropped_, 0)) +
                " bytes are missing here\n";
  }
  pending_ += text;
  if (pending_.back() != '\n') pending_ += '\n';
  if (pending_.size() >= most_at_once) {
    hand_over();
  } else if (!timer_.armed()) {
    timer_.arm(Deadline::after(soon), [this] { hand_over(); });
  }
}

void Output::hand_over() {
  timer_.cancel();
  if (pending_.empty()) return;
  *waiting_ += pending_.size();
  writer_.submit([waiting = waiting_, kept = std::exchange(pending_, {})] {
    write_out(kept);
    *waiting -= kept.size();
  });
}

}  // namespace kiln::standalone
