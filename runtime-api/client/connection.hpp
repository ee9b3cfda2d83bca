// SPDX-License-Identifier: Apache-2.0
// One blocking byte stream to the Runtime API.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/client/client_error.hpp"

namespace kiln {

/// Used by one thread; only request_stop may be called from elsewhere.
class Connection {
 public:
  /// Will connect to `address` ("host:port", "[v6]:port") when first needed, and again after a close.
  explicit Connection(std::string address);
  /// Takes over `fd`, a connected stream socket. Cannot be reopened.
  explicit Connection(int fd);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Whether the socket was handed to us connected.
  bool inherited() const { return address_.empty(); }
  const std::string& address() const { return address_; }
  bool is_open() const { return fd_ >= 0; }
  /// Connects where there is no connection. Nothing on success.
  std::optional<ClientError> open();
  /// Ends the connection and forgets what was read of it.
  void close();
  /// Tells the peer that nothing more will be sent.
  void finish_sending();

  /// Sends all parts as one write where the socket has room. While it has none, reads what the peer says, so that two
  /// sides with full buffers never wait for each other, and an early refusal is not lost. A peer that has spoken, or
  /// closed, and takes nothing for two seconds is not waited for any longer. Nothing on success. `parts` is used up.
  std::optional<ClientError> send(std::span<iovec> parts);
  /// Whether the peer has said something, or closed, before anybody waited for it; what it said is in buffered().
  bool has_input();

  /// What has been read and not consumed.
  std::string_view buffered() const { return {storage_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t size);
  /// Waits for more bytes and appends them to buffered(). With `stoppable`, a stop request ends the wait.
  std::optional<ClientError> receive_more(bool stoppable);
  /// Waits for bytes and stores them at `into` instead of the buffer (which must be empty). Returns how many, 0 on error
  /// (then `error` is set).
  std::size_t receive_into(char* into, std::size_t room, std::optional<ClientError>& error);
  /// From now on a wait without an answer ends as peer_closed after this long.
  void set_patience(std::chrono::milliseconds patience) { patience_ms_ = static_cast<int>(patience.count()); }
  /// Negative: waits are endless.
  std::chrono::milliseconds patience() const { return std::chrono::milliseconds(patience_ms_); }

  /// Makes the current and every later stoppable wait end. Async-signal-safe; any thread.
  void request_stop() noexcept;
  bool stop_requested() const noexcept { return stop_requested_; }

 private:
  void make_room();
  std::size_t receive(char* into, std::size_t room, bool stoppable, std::optional<ClientError>& error);

  std::string address_;
  std::atomic<int> fd_ = -1;
  int patience_ms_ = -1;
  std::atomic<bool> stop_requested_ = false;
  // A string would be cleared to zeros before each receive; this is only ever written by the kernel.
  std::vector<char> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kiln
