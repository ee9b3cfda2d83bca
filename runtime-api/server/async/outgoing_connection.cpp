// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/outgoing_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace kiln {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

/// A socket that is connecting, or connected already; -1 and errno where it failed at once.
int begin_connect(const MakeSocket& make_socket, std::uint16_t port) {
  const int fd = make_socket();
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EINPROGRESS)
    return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

int make_tcp_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

bool OutgoingConnection::is_quiet() {
  if (!is_open()) return false;
  std::array<char, 1> byte;
  const ReadResult result = stream_->read_now(byte);
  return result.would_block;
}

void OutgoingConnection::arm(Deadline deadline) {
  timed_out_ = false;
  timer_.arm(deadline, [this] {
    timed_out_ = true;
    stream_->interrupt();
  });
}

std::error_code OutgoingConnection::why_woken() const {
  return std::make_error_code(timed_out_ ? std::errc::timed_out : std::errc::operation_canceled);
}

std::error_code OutgoingConnection::failed(std::error_code why) {
  timer_.cancel();
  if (stream_) stream_->close();
  return why;
}

void OutgoingConnection::close() {
  timer_.cancel();
  timed_out_ = false;
  if (stream_) stream_->close();
}

Task<std::error_code> OutgoingConnection::connect(Deadline deadline) {
  stream_.reset();
  const int fd = begin_connect(make_socket_, port_);
  if (fd < 0) co_return last_error();
  stream_.emplace(loop_, fd);
  arm(deadline);
  const bool ready = co_await stream_->writable();
  timer_.cancel();
  if (!ready) co_return failed(why_woken());
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) co_return failed(std::error_code(error, std::generic_category()));
  co_return std::error_code();
}

Task<std::error_code> OutgoingConnection::send(std::string_view first, std::string_view second, Deadline deadline) {
  if (!is_open()) co_return std::make_error_code(std::errc::not_connected);
  for (;;) {
    std::error_code error;
    std::size_t sent = stream_->write_now(first, second, error);
    if (error) co_return failed(error);
    const std::size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
    if (first.empty() && second.empty()) co_return std::error_code();
    arm(deadline);
    const bool ready = co_await stream_->writable();
    timer_.cancel();
    if (!ready) co_return failed(why_woken());
  }
}

Task<std::error_code> OutgoingConnection::receive(std::string& into, Deadline deadline) {
  if (!is_open()) co_return std::make_error_code(std::errc::not_connected);
  for (;;) {
    arm(deadline);
    const bool ready = co_await stream_->readable();
    timer_.cancel();
    if (!ready) co_return failed(why_woken());
    std::array<char, 4096> buffer;
    const ReadResult result = stream_->read_now(buffer);
    if (result.bytes > 0) {
      into.append(buffer.data(), result.bytes);
      co_return std::error_code();
    }
    if (result.error) co_return failed(result.error);
    if (result.end) co_return failed(std::make_error_code(std::errc::connection_reset));
  }
}

}  // namespace kiln
