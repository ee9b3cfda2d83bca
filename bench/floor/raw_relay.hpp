// SPDX-License-Identifier: Apache-2.0
// The floor: the least that any platform with a server between invoker and runtime can do. Client → one-thread epoll
// server → runtime → server → client, 8-byte frames over loopback TCP, no parsing, no state beyond who waits for whom.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/child.hpp"
#include "bench/sockets.hpp"

namespace kiln::bench {

class RawRelay {
 public:
  /// Starts the server and `runtimes` runtime processes, and connects `clients` clients of this process. `payload`: the
  /// bytes of a frame, in both directions.
  RawRelay(std::size_t clients, std::size_t runtimes, std::size_t payload = 8);

  std::size_t clients() const { return clients_.size(); }
  /// One call by client number `client`; each client belongs to one thread. Throws std::runtime_error where the relay
  /// is gone.
  void call(std::size_t client);

 private:
  std::size_t payload_;
  std::vector<Socket> clients_;
  std::vector<std::string> buffers_;  // one a client
  std::vector<Child> processes_;
};

}  // namespace kiln::bench
