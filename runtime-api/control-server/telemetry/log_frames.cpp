// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_frames.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kiln {
namespace {

constexpr std::string_view magic = "\xA5\x5A";
constexpr std::size_t old_head = 8;
constexpr std::size_t timed_head = 16;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// The low byte of a type: two bits of what the message is (1: an old frame, 2: JSON, 3: text), and a level above them.
struct FrameType {
  std::size_t head = 0;  ///< its bytes; 0 for what is no type
  std::optional<LogLevel> level;
};

FrameType frame_type(std::uint32_t type) {
  constexpr std::array<LogLevel, 6> levels = {LogLevel::trace, LogLevel::debug, LogLevel::info,
                                              LogLevel::warn,  LogLevel::error, LogLevel::fatal};
  FrameType out;
  if (type == 0xA55A0001) {
    out.head = old_head;
    return out;
  }
  const std::uint32_t content = type & 3;
  const std::uint32_t level = (type & 0xFF) >> 2;
  if ((type & 0xFFFFFF00) != 0xA55A0000 || content < 2 || level > levels.size()) return out;
  out.head = timed_head;
  if (level > 0) out.level = levels[level - 1];
  return out;
}

}  // namespace

/// Takes the frame, or the garbage, that `bytes` begin with. Returns how many of them that was; 0: more has to come.
std::size_t LogFrames::take_one(std::string_view bytes) {
  if (const auto at = bytes.find(magic); at != 0) {
    // The last byte may be the first half of a magic number.
    std::size_t none = std::min(at, bytes.size());
    if (at == std::string_view::npos && bytes.back() == magic[0]) --none;
    give_up(bytes.substr(0, none));
    return none;
  }
  if (bytes.size() < old_head) return 0;
  const FrameType type = frame_type(static_cast<std::uint32_t>(big_endian(bytes.substr(0, 4))));
  const std::size_t length = static_cast<std::size_t>(big_endian(bytes.substr(4, 4)));
  if (type.head == 0 || length > longest_message) {
    give_up(bytes.substr(0, magic.size()));
    return magic.size();
  }
  if (bytes.size() < type.head + length) return 0;
  LogFrame frame;
  frame.level = type.level;
  if (type.head == timed_head) {
    // What lies beyond the year 2255 does not fit the clock's nanoseconds: such a time is none.
    constexpr std::uint64_t latest = 9'000'000'000'000'000;
    const std::uint64_t us = big_endian(bytes.substr(8, 8));
    if (us < latest) {
      frame.time = std::chrono::system_clock::time_point(std::chrono::microseconds(static_cast<std::int64_t>(us)));
    }
  }
  frame.text = bytes.substr(type.head, length);
  sink_.frame(frame);
  return type.head + length;
}

void LogFrames::push(std::string_view bytes) {
  // The usual case, whole frames, is read where it stands.
  if (!held_.empty()) {
    held_ += bytes;
    bytes = held_;
  }
  while (!bytes.empty()) {
    const std::size_t taken = take_one(bytes);
    if (taken == 0) break;
    bytes.remove_prefix(taken);
  }
  held_ = std::string(bytes);
}

void LogFrames::finish() {
  const std::string left = std::exchange(held_, {});
  give_up(left);
}

void LogFrames::give_up(std::string_view bytes) {
  if (bytes.empty()) return;
  garbage_bytes_ += bytes.size();
  sink_.garbage(bytes);
}

}  // namespace kiln
