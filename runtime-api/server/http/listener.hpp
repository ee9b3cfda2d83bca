// SPDX-License-Identifier: Apache-2.0
// A listening TCP socket of the data plane. Data-plane thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "runtime-api/server/async/event_loop.hpp"

namespace kiln::http {

class Listener {
 public:
  /// Gets each accepted connection: non-blocking, close-on-exec, TCP_NODELAY set. Owns the descriptor from then on. What
  /// it throws is reported to the loop and ends that connection's story only.
  using OnConnection = std::function<void(int fd)>;

  /// Listens on `host`:`port`; port 0 takes a free one. Throws std::system_error naming the address where it cannot.
  Listener(EventLoop& loop, const std::string& host, unsigned short port, OnConnection on_connection);
  /// Takes a socket that listens already (an instance's, made inside its network namespace), and makes it non-blocking.
  Listener(EventLoop& loop, int listening_fd, OnConnection on_connection);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  unsigned short port() const;
  /// `host:port`, with the port really taken.
  std::string address() const;
  /// Ends accepting and frees the port.
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kiln::http
