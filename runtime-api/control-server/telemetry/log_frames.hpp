// SPDX-License-Identifier: Apache-2.0
// The frames that runtimes write to the descriptor in _LAMBDA_TELEMETRY_LOG_FD, so that a message of several lines stays
// one (contract, section 4; the official Python and Node clients): 4 bytes type, 4 bytes length, 8 bytes microseconds since
// the epoch, the message; numbers are big-endian.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/control-server/telemetry/log_level.hpp"

namespace kiln {

struct LogFrame {
  std::optional<LogLevel> level = {};                         ///< empty: the frame names none
  std::optional<std::chrono::system_clock::time_point> time;  ///< empty: an old frame, which has none
  std::string_view text = {};                                 ///< valid during the call
};

/// Takes a stream of frames apart, however it is cut. Bytes that are no frame are handed on as what they are, up to the next
/// frame: nothing of what a runtime wrote is lost, and no garbage costs more than being read.
class LogFrames {
 public:
  /// A frame that claims to be longer is none.
  static constexpr std::size_t longest_message = 1024 * 1024;

  struct Sink {
    std::function<void(const LogFrame&)> frame;
    std::function<void(std::string_view)> garbage;
  };

  explicit LogFrames(Sink sink) : sink_(std::move(sink)) {}
  void push(std::string_view bytes);
  /// Nothing more comes: what is left is no frame.
  void finish();
  std::uint64_t garbage_bytes() const { return garbage_bytes_; }

 private:
  std::size_t take_one(std::string_view bytes);
  void give_up(std::string_view bytes);

  const Sink sink_;
  std::string held_;
  std::uint64_t garbage_bytes_ = 0;
};

}  // namespace kiln
