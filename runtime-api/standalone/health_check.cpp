// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/health_check.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace kiln::standalone {
namespace {

int failed(const char* what) {
  const char* const why = ::strerrordesc_np(errno);
  std::fprintf(stderr, "kiln: not healthy: %s: %s\n", what, why != nullptr ? why : "unknown error");
  return 1;
}

}  // namespace

int health_check(unsigned short operations_port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("no socket");
  const timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(operations_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed(
        "the operations listener does not answer (the function is being initialised, or KILN_OPERATIONS_PORT is not "
        "the server's)");
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
