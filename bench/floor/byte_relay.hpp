// SPDX-License-Identifier: Apache-2.0
// The floor of a streamed answer: client → one-thread server → runtime, and so many bytes back the same way, passed on as they
// come. The client's leg is loopback TCP and the runtime's a socket pair, as kiln's are, so that the sockets cost both the same.
#pragma once

#include <cstdint>

#include "bench/child.hpp"
#include "bench/sockets.hpp"

namespace kiln::bench {

class ByteRelay {
 public:
  /// Starts the server and the runtime, and connects.
  ByteRelay();

  /// Asks for `bytes` and reads them. Throws std::runtime_error where the relay is gone.
  void transfer(std::uint64_t bytes);

 private:
  Socket client_;
  Child server_;
  Child runtime_;
};

}  // namespace kiln::bench
