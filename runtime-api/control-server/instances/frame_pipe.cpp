// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/frame_pipe.hpp"

#include <array>
#include <string>
#include <utility>

#include "runtime-api/protocol/environment.hpp"

namespace kiln {
namespace {

// What is read in one go before others get their turn.
constexpr std::size_t turn = 1 << 20;

}  // namespace

FramePipe::FramePipe(EventLoop& loop, int fd, InstanceLog& log, std::function<void()> on_over)
    : stream_(loop, fd),
      log_(log),
      frames_({[this](const LogFrame& frame) { log_.frame(frame); },
               [this](std::string_view bytes) { log_.output(bytes); }}),
      on_over_(std::move(on_over)) {
  loop.spawn(read(), "instance log frames");
}

Task<void> FramePipe::read() {
  while (stream_.is_open()) {
    const bool ready = co_await stream_.readable();
    if (ready) drain();
  }
  on_over_();
}

void FramePipe::drain() {
  if (!stream_.is_open()) return;
  std::array<char, 65536> buffer;
  for (std::size_t taken = 0; taken < turn;) {
    const ReadResult result = stream_.read_now(buffer);
    if (result.bytes > 0) frames_.push(std::string_view(buffer.data(), result.bytes));
    taken += result.bytes;
    if (!result.usable()) return close();
    if (result.bytes < buffer.size()) return;
  }
}

void FramePipe::close() {
  stream_.close();
  finish();
}

void FramePipe::finish() {
  if (std::exchange(finished_, true)) return;
  frames_.finish();
  if (frames_.garbage_bytes() == 0) return;
  log_.fault({}, "Warning: " + std::to_string(frames_.garbage_bytes()) + " bytes at " + environment::telemetry_log_fd +
                     " were no frames");
}

}  // namespace kiln
