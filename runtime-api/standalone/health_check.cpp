// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/health_check.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace kiln::standalone {
namespace {

int failed(const char* what) {
  const char* const why = ::strerrordesc_np(errno);
  std::fprintf(stderr, "kiln: not healthy: %s: %s\n", what, why != nullptr ? why : "unknown error");
  return 1;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Of the listener. One that takes every address of the container is asked at its loopback: the kernel makes that of the
/// unspecified address, of either family.
Addresses addresses_of(const std::string& host, unsigned short port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

}  // namespace

int health_check(const std::string& host, unsigned short operations_port) {
  const auto found = addresses_of(host, operations_port);
  if (!found) {
    std::fprintf(stderr, "kiln: not healthy: KILN_HOST=%s is no address\n", host.c_str());
    return 1;
  }
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("no socket");
  const timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    return failed(
        "the operations listener does not answer (the function is being initialised, or KILN_OPERATIONS_PORT or "
        "KILN_HOST is not the server's)");
  }
  constexpr std::string_view request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return failed("send");
  std::array<char, 256> answer{};
  std::size_t have = 0;
  for (ssize_t n = 1; n > 0 && have < answer.size();) {
    n = ::recv(fd, answer.data() + have, answer.size() - have, 0);
    if (n < 0) return failed("no answer");
    have += static_cast<std::size_t>(n);
  }
  ::close(fd);
  const std::string_view text(answer.data(), have);
  if (text.starts_with("HTTP/1.1 200 ")) return 0;
  std::fprintf(stderr, "kiln: not ready: %s\n", std::string(text.substr(0, text.find("\r\n"))).c_str());
  return 1;
}

}  // namespace kiln::standalone
