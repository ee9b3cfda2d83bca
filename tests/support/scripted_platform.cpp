// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scripted_platform.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace kiln::test {
namespace {

constexpr int patience_ms = 10'000;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("scripted platform: " + what); }

bool wait_readable(int fd, int milliseconds) {
  pollfd wait{fd, POLLIN, 0};
  int ready = 0;
  do ready = ::poll(&wait, 1, milliseconds);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

std::string WireRequest::field(std::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (field_name.size() == name.size() && ::strncasecmp(field_name.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

bool PlatformEnd::fill() {
  if (!wait_readable(fd_, patience_ms)) fail("nothing came; have: " + buffer_.substr(0, 200));
  std::array<char, 65'536> chunk{};
  const ssize_t got = ::recv(fd_, chunk.data(), chunk.size(), 0);
  if (got <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

WireRequest PlatformEnd::read() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) fail("closed before a whole request; have: " + buffer_.substr(0, 200));
  }
  WireRequest request;
  std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  std::size_t at = head.find("\r\n");
  const std::string line = head.substr(0, at);
  request.method = line.substr(0, line.find(' '));
  request.path = line.substr(request.method.size() + 1, line.rfind(' ') - request.method.size() - 1);
  for (at += 2; at < head.size();) {
    const std::size_t stop = head.find("\r\n", at);
    const std::string field = head.substr(at, stop - at);
    const std::size_t colon = field.find(": ");
    if (colon == std::string::npos) fail("a head line that is no field: " + field);
    request.fields.emplace_back(field.substr(0, colon), field.substr(colon + 2));
    at = stop + 2;
  }
  const std::string length = request.field("content-length");
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < size) {
    if (!fill()) fail("closed within a body");
  }
  request.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return request;
}

void PlatformEnd::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) fail("cannot send: error " + std::to_string(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool PlatformEnd::peer_closes() { return buffer_.empty() && !fill(); }

bool PlatformEnd::stays_silent(int milliseconds) { return buffer_.empty() && !wait_readable(fd_, milliseconds); }

void PlatformEnd::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string event(std::string_view request_id, std::string_view payload, std::string_view more) {
  std::string text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: ";
  text.append(request_id).append("\r\n").append(more);
  text.append("Content-Length: ").append(std::to_string(payload.size())).append("\r\n\r\n").append(payload);
  return text;
}

std::string accepted() { return answer(202, "{\"status\":\"OK\"}\n"); }

std::string answer(int status, std::string_view body) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Whatever\r\nContent-Length: ";
  text.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return text;
}

std::pair<PlatformEnd, int> connected_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) fail("no socket pair");
  return {PlatformEnd(fds[0]), fds[1]};
}

Listener::Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  auto* plain = reinterpret_cast<sockaddr*>(&where);
  if (::bind(fd_, plain, size) != 0 || ::listen(fd_, 16) != 0 || ::getsockname(fd_, plain, &size) != 0) {
    fail("cannot listen");
  }
  address_ = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
}

Listener::~Listener() { ::close(fd_); }

PlatformEnd Listener::accept() {
  if (!wait_readable(fd_, patience_ms)) fail("nobody connects");
  return PlatformEnd(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace kiln::test
