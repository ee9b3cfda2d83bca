// SPDX-License-Identifier: Apache-2.0
// The leanest HTTP/1.1 invoker that still reads an answer whole: one kept connection, one buffer, no allocation a call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/sockets.hpp"

namespace kiln::bench {

/// One connection; one thread at a time.
class HttpInvoker {
 public:
  /// Connects to 127.0.0.1:`port`.
  explicit HttpInvoker(std::uint16_t port);

  struct Answer {
    int status = 0;
    std::string_view head;  ///< both valid until the next call
    std::string_view body;
  };
  /// Sends `request` (whole, as it goes on the wire) and reads the answer to its end. Throws std::runtime_error where the
  /// connection ends or the answer is not framed by Content-Length.
  Answer call(std::string_view request);

  /// A request as `call` takes it.
  static std::string request(std::string_view method, std::string_view path, std::string_view body = {});

 private:
  Socket socket_;
  std::string buffer_;
};

/// The value of field `name` (lower case) in `head`; empty where there is none.
std::string_view field_of(std::string_view head, std::string_view name);

}  // namespace kiln::bench
