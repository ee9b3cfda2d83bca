// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime-api/server/async/pollable.hpp"

namespace kiln::http {

namespace {

constexpr int accepts_in_a_row = 64;  // then the others get their turn

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

int listen_on(const std::string& host, unsigned short port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string where = host + ":" + std::to_string(port);
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found)) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "cannot listen on " + where + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("cannot make a socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    fail("cannot listen on " + where);
  }
  return fd;
}

}  // namespace

/// Shared, because a connection that it hands out may be the reason to destroy the listener.
struct Listener::Impl final : Pollable, std::enable_shared_from_this<Listener::Impl> {
  Impl(EventLoop& loop, int fd, OnConnection callback)
      : Pollable(loop), socket(fd), on_connection(std::move(callback)), pause(loop) {
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    watch(fd, EPOLLIN);
  }
  ~Impl() override { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void on_events(std::uint32_t) override {
    const auto self = shared_from_this();
    accept_some();
  }

  void accept_some() {
    for (int i = 0; i < accepts_in_a_row; ++i) {
      if (socket < 0) return;
      const int fd = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on a Unix socket, where it is not needed
        try {
          on_connection(fd);
        } catch (...) {
          loop().report("listener", std::current_exception());
        }
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // Out of descriptors: trying again at once would spin. Clients wait in the backlog meanwhile.
        pause.arm(Deadline::after(std::chrono::milliseconds(100)), [this] { on_events(0); });
        return;
      } else if (errno == EAGAIN) {
        return;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        loop().report("listener",
                      std::make_exception_ptr(std::system_error(errno, std::generic_category(), "accept4")));
        return;
      }
    }
    call_again();
  }

  void close() {
    pause.cancel();
    forget();
    if (socket >= 0) ::close(std::exchange(socket, -1));
  }

  int socket;
  OnConnection on_connection;
  Timer pause;
};

Listener::Listener(EventLoop& loop, const std::string& host, unsigned short port, OnConnection on_connection)
    : Listener(loop, listen_on(host, port), std::move(on_connection)) {}

Listener::Listener(EventLoop& loop, int listening_fd, OnConnection on_connection)
    : impl_(std::make_shared<Impl>(loop, listening_fd, std::move(on_connection))) {}

Listener::~Listener() { close(); }

std::string Listener::address() const {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(impl_->socket, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (bound.ss_family == AF_INET6) {
    const auto* const six = reinterpret_cast<const sockaddr_in6*>(&bound);
    ::inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(six->sin6_port));
  }
  const auto* const four = reinterpret_cast<const sockaddr_in*>(&bound);
  ::inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(four->sin_port));
}

unsigned short Listener::port() const {
  const std::string where = address();
  return static_cast<unsigned short>(std::stoi(where.substr(where.rfind(':') + 1)));
}

void Listener::close() { impl_->close(); }

}  // namespace kiln::http
