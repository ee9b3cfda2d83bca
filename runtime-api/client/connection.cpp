// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/connection.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t read_size = 16 * 1024;
/// How long a peer that has already answered, or closed its side, may leave a write without progress.
constexpr int heard_patience_ms = 2'000;

ClientError unreachable(const std::string& address, const char* why) {
  return {ClientError::Kind::unreachable, 0, address + ": " + why};
}

/// strerror without its shared buffer.
const char* words_for(int error) {
  const char* words = ::strerrordesc_np(error);
  return words != nullptr ? words : "unknown error";
}

ClientError broken(int error) {
  return {ClientError::Kind::peer_closed, 0, error == 0 ? "end of stream" : words_for(error)};
}

/// "host:port" or "[v6]:port" as its two halves; nothing where there is no port.
std::optional<std::pair<std::string, std::string>> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return std::pair(std::move(host), address.substr(colon + 1));
}

/// A connected socket, or -1 with errno set.
int connect_to(const addrinfo& candidate) {
  const int fd = ::socket(candidate.ai_family, candidate.ai_socktype | SOCK_CLOEXEC, candidate.ai_protocol);
  if (fd < 0) return -1;
  // A signal only interrupts the wait; the handshake goes on, and its outcome is then in SO_ERROR.
  if (::connect(fd, candidate.ai_addr, candidate.ai_addrlen) != 0) {
    int error = errno;
    if (error == EINTR) {
      pollfd wait{fd, POLLOUT, 0};
      while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
      }
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      ::close(fd);
      errno = error;
      return -1;
    }
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

Connection::Connection(std::string address) : address_(std::move(address)) {}

Connection::Connection(int fd) : fd_(fd) {
  // The functions' own children must not hold the platform's end of the conversation.
  ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

Connection::~Connection() { close(); }

std::optional<ClientError> Connection::open() {
  if (fd_ >= 0) return std::nullopt;
  if (inherited()) return broken(0);
  const auto parts = split_address(address_);
  if (!parts) return unreachable(address_, "not of the form host:port");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // Nearly always a number, which is answered without reading any resolver configuration.
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  int failure = ::getaddrinfo(parts->first.c_str(), parts->second.c_str(), &hints, &found);
  if (failure != 0) {
    hints.ai_flags = 0;
    failure = ::getaddrinfo(parts->first.c_str(), parts->second.c_str(), &hints, &found);
  }
  if (failure != 0) return unreachable(address_, ::gai_strerror(failure));
  for (const addrinfo* one = found; one != nullptr && fd_ < 0; one = one->ai_next) fd_ = connect_to(*one);
  const int error = errno;
  ::freeaddrinfo(found);
  if (fd_ < 0) return unreachable(address_, words_for(error));
  return std::nullopt;
}

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  begin_ = end_ = 0;
}

void Connection::finish_sending() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

std::optional<ClientError> Connection::send(std::span<iovec> parts) {
  bool readable = true;
  bool heard = false;
  while (!parts.empty()) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return broken(errno);
      pollfd wait{fd_, static_cast<short>(readable ? POLLOUT | POLLIN : POLLOUT), 0};
      const bool limited = heard && (patience_ms_ < 0 || patience_ms_ > heard_patience_ms);
      const int ready = ::poll(&wait, 1, limited ? heard_patience_ms : patience_ms_);
      if (ready == 0) return broken(ETIMEDOUT);
      if (ready > 0 && (wait.revents & POLLIN) != 0) {
        // An end of stream stays readable: note it once, and let the write find out whether the peer still listens.
        readable = !receive_more(false).has_value();
        heard = true;
      }
      continue;
    }
    while (sent > 0 && !parts.empty()) {
      iovec& part = parts.front();
      const std::size_t taken = std::min(part.iov_len, static_cast<std::size_t>(sent));
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      sent -= static_cast<ssize_t>(taken);
      if (part.iov_len == 0) parts = parts.subspan(1);
    }
    while (!parts.empty() && parts.front().iov_len == 0) parts = parts.subspan(1);
  }
  return std::nullopt;
}

void Connection::consume(std::size_t size) {
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

void Connection::make_room() {
  if (begin_ > 0) {
    std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (storage_.size() - end_ < read_size) storage_.resize(std::max(end_ + read_size, 2 * storage_.size()));
}

bool Connection::has_input() {
  if (begin_ != end_) return true;
  make_room();
  const ssize_t got = ::recv(fd_, storage_.data(), storage_.size(), MSG_DONTWAIT);
  if (got > 0) end_ = static_cast<std::size_t>(got);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

std::optional<ClientError> Connection::receive_more(bool stoppable) {
  make_room();
  std::optional<ClientError> error;
  end_ += receive(storage_.data() + end_, storage_.size() - end_, stoppable && end_ == 0, error);
  return error;
}

std::size_t Connection::receive_into(char* into, std::size_t room, std::optional<ClientError>& error) {
  return receive(into, room, false, error);
}

std::size_t Connection::receive(char* into, std::size_t room, bool stoppable, std::optional<ClientError>& error) {
  while (true) {
    const bool stopping = stop_requested();
    if (patience_ms_ >= 0 || (stopping && !stoppable)) {
      pollfd wait{fd_, POLLIN, 0};
      const int ready = ::poll(&wait, 1, patience_ms_);
      if (ready < 0) continue;
      if (ready == 0) {
        error = broken(ETIMEDOUT);
        return 0;
      }
    }
    // The stop request may arrive between the check above and this call. It has then made the socket non-blocking,
    // so that the call returns: a stop is never slept through, and the way of each event has no system call more.
    const ssize_t got = ::recv(fd_, into, room, stopping ? MSG_DONTWAIT : 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
      error = broken(got == 0 ? 0 : errno);
      return 0;
    }
    // Only now that nothing is there to be taken: an event that has arrived is run, not lost.
    if (stopping && stoppable) {
      error = ClientError{ClientError::Kind::stopped, 0, {}};
      return 0;
    }
  }
}

void Connection::request_stop() noexcept {
  const int saved = errno;
  stop_requested_ = true;
  const int fd = fd_;
  if (fd >= 0) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  errno = saved;
}

}  // namespace kiln
