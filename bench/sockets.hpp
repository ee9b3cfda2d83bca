// SPDX-License-Identifier: Apache-2.0
// Blocking loopback TCP with nothing around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kiln::bench {

/// Owns a descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  void close();

 private:
  int fd_ = -1;
};

/// Listens on a free port of 127.0.0.1, with a backlog that takes thousands at once. Throws std::system_error.
Socket listen_on_loopback();
std::uint16_t port_of(const Socket& listening);
/// Connects to 127.0.0.1:`port`, TCP_NODELAY set. Throws std::system_error.
Socket connect_to_loopback(std::uint16_t port);
void set_no_delay(int fd);

/// Writes or reads all of it. False where the peer is gone.
bool write_all(int fd, std::string_view data);
bool read_all(int fd, void* into, std::size_t size);

}  // namespace kiln::bench
