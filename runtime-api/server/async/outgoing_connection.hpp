// SPDX-License-Identifier: Apache-2.0
// A TCP connection that we open: to a port of a loopback, this machine's or that of another network namespace. Every wait
// has a deadline. Data-plane thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/stream.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// Makes what a connection begins with: a TCP socket over IPv4, unconnected, non-blocking and close-on-exec; -1 and errno
/// where it cannot. Whose loopback it reaches is decided here: that of the network namespace it is made in. Must not block.
using MakeSocket = std::function<int()>;
/// In the namespace of the calling thread.
int make_tcp_socket();

/// For one coroutine at a time. Failures are values: refused, reset, timed_out; operation_canceled after `close`. After one
/// the connection is closed, and `connect` opens a new one.
class OutgoingConnection {
 public:
  OutgoingConnection(EventLoop& loop, std::uint16_t port, MakeSocket make_socket = make_tcp_socket)
      : loop_(loop), make_socket_(std::move(make_socket)), timer_(loop), port_(port) {}
  OutgoingConnection(const OutgoingConnection&) = delete;
  OutgoingConnection& operator=(const OutgoingConnection&) = delete;

  bool is_open() const { return stream_ && stream_->is_open(); }
  /// Whether an open connection can be used on: the peer has neither closed it nor said what nobody asked.
  bool is_quiet();
  Task<std::error_code> connect(Deadline deadline);
  /// Sends all of both.
  Task<std::error_code> send(std::string_view first, std::string_view second, Deadline deadline);
  /// Appends what the peer has sent, waiting for some. Its end is std::errc::connection_reset.
  Task<std::error_code> receive(std::string& into, Deadline deadline);
  /// Whoever waits sees operation_canceled before this returns.
  void close();

 private:
  std::error_code failed(std::error_code why);
  void arm(Deadline deadline);
  std::error_code why_woken() const;

  EventLoop& loop_;
  const MakeSocket make_socket_;
  std::optional<Stream> stream_;
  Timer timer_;
  const std::uint16_t port_;
  bool timed_out_ = false;
};

}  // namespace kiln
