// SPDX-License-Identifier: Apache-2.0
// An invoker that reads a chunked answer as it comes: when its first byte was there, and how many there were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/sockets.hpp"

namespace kiln::bench {

/// One connection; one thread at a time.
class StreamInvoker {
 public:
  /// Connects to 127.0.0.1:`port`.
  explicit StreamInvoker(std::uint16_t port);

  struct Answer {
    double first_byte_us = 0;  ///< from the request to the first byte of the body
    std::uint64_t bytes = 0;   ///< of the body
  };
  /// Sends `request` and reads the answer to its end, keeping nothing of it. Throws std::runtime_error where it is not a
  /// chunked 200, or the connection ends first.
  Answer call(std::string_view request);

 private:
  void receive();

  Socket socket_;
  std::string buffer_;
  std::size_t begin_ = 0;  // what was received and not used yet
  std::size_t end_ = 0;
};

}  // namespace kiln::bench
