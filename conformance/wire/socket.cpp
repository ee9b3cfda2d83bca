// SPDX-License-Identifier: Apache-2.0
#include "conformance/wire/socket.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>

#include "conformance/finding.hpp"

namespace kiln::conformance {
namespace {

constexpr std::size_t read_size = 65'536;

std::string describe(int error) { return std::generic_category().message(error); }

/// "localhost:80" as a socket address of IPv4.
std::optional<sockaddr_in> parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  addrinfo wanted{};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string host = address.substr(0, colon);
  if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &wanted, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  sockaddr_in result{};
  std::copy_n(reinterpret_cast<const char*>(found->ai_addr), sizeof result, reinterpret_cast<char*>(&result));
  return result;
}

bool wait_for(int fd, short events, Deadline deadline) {
  pollfd entry{fd, events, 0};
  for (;;) {
    const int ready = ::poll(&entry, 1, poll_timeout(deadline));
    if (ready > 0) return true;
    if (ready == 0 && deadline.passed()) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

int poll_timeout(Deadline deadline) {
  if (deadline.is_never()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
  return static_cast<int>(std::min<decltype(left)>(left, 3'600'000));
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::finish_sending() const { ::shutdown(fd_, SHUT_WR); }

void Socket::reset_on_close() const {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::size_t Socket::send_part(std::string_view bytes, Deadline deadline) const {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const auto sent = ::send(fd_, bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      taken += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      if (!wait_for(fd_, POLLOUT, deadline)) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  return taken;
}

bool Socket::send(std::string_view bytes, Deadline deadline) const {
  return send_part(bytes, deadline) == bytes.size();
}

Socket::Received Socket::receive(std::string& into, Deadline deadline) const {
  std::array<char, read_size> buffer;
  for (;;) {
    const auto got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(got));
      return Received::data;
    }
    if (got == 0) return Received::end;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Received::end;
    if (!wait_for(fd_, POLLIN, deadline)) return Received::nothing;
  }
}

Socket connect_to(const std::string& address, Deadline deadline, std::string& why) {
  const auto target = parse_address(address);
  if (!target) {
    why = "no HOST:PORT that can be resolved";
    return {};
  }
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&*target), sizeof *target) != 0) {
    int error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      error = ETIMEDOUT;
      if (wait_for(socket.fd(), POLLOUT, deadline)) ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      why = describe(error);
      return {};
    }
  }
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

Listener::Listener(const std::string& address) {
  const auto target = parse_address(address);
  if (!target) throw CannotRun(address + " is no HOST:PORT to listen on");
  socket_ = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&*target), sizeof *target) != 0 ||
      ::listen(socket_.fd(), SOMAXCONN) != 0) {
    throw CannotRun("cannot listen on " + address + ": " + describe(errno));
  }
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(ntohs(bound.sin_port));
}

void Listener::buffer_little() const {
  const int bytes = 65'536;
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Socket Listener::accept_now() const {
  const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return {};
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Socket(fd);
}

}  // namespace kiln::conformance
