// SPDX-License-Identifier: Apache-2.0
// Blocking TCP on loopback where every wait has an end. Bytes only: what they mean, the caller knows.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "runtime-api/protocol/deadline.hpp"

namespace kiln::conformance {

/// Owns one descriptor. One thread.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();
  /// Ends our half: the peer reads the end of the stream, and can still answer.
  void finish_sending() const;
  /// The next close() resets the connection instead of ending it.
  void reset_on_close() const;

  /// How much of `bytes` the peer took before `deadline`, or before it went.
  std::size_t send_part(std::string_view bytes, Deadline deadline) const;
  /// False where the peer took no more before `deadline`, or has gone.
  bool send(std::string_view bytes, Deadline deadline) const;

  enum class Received { data, end, nothing };
  /// Appends what has come to `into`; waits for it until `deadline`. A reset counts as the end.
  Received receive(std::string& into, Deadline deadline) const;

 private:
  int fd_ = -1;
};

/// Connects to "HOST:PORT"; an address without a socket where nobody listens (error() of errno in `why`).
Socket connect_to(const std::string& address, Deadline deadline, std::string& why);

/// Listens on "HOST:PORT" of IPv4; port 0 takes a free one.
class Listener {
 public:
  /// Throws CannotRun.
  explicit Listener(const std::string& address);

  /// What is not read waits at the peer, not in a buffer of the kernel here: for connections accepted from now on.
  void buffer_little() const;

  const std::string& address() const { return address_; }
  int fd() const { return socket_.fd(); }
  /// A connection that waits already; none where none does.
  Socket accept_now() const;
  void close() { socket_.close(); }

 private:
  Socket socket_;
  std::string address_;
};

/// Milliseconds until `deadline` for poll(2), rounded up.
int poll_timeout(Deadline deadline);

}  // namespace kiln::conformance
