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

std::string found(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view name) {
  for (const auto& [field_name, value] : fields) {
    if (field_name.size() == name.size() && ::strncasecmp(field_name.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

std::pair<std::string, std::string> parsed_field(const std::string& line) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string::npos) fail("a line that is no field: " + line);
  return {line.substr(0, colon), line.substr(colon + 2)};
}

}  // namespace

std::string WireRequest::field(std::string_view name) const { return found(fields, name); }
std::string WireRequest::trailer(std::string_view name) const { return found(trailers, name); }

bool PlatformEnd::fill() {
  if (!wait_readable(fd_, patience_ms)) fail("nothing came; have: " + buffer_.substr(0, 200));
  std::array<char, 65'536> chunk{};
  const ssize_t got = ::recv(fd_, chunk.data(), chunk.size(), 0);
  if (got <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

std::string PlatformEnd::read_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) fail("closed before the end of a line; have: " + buffer_.substr(0, 200));
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string PlatformEnd::read_bytes(std::size_t size) {
  while (buffer_.size() < size) {
    if (!fill()) fail("closed within a body");
  }
  std::string bytes = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return bytes;
}

WireRequest PlatformEnd::read_head() {
  WireRequest request;
  const std::string first = read_line();
  request.method = first.substr(0, first.find(' '));
  request.path = first.substr(request.method.size() + 1, first.rfind(' ') - request.method.size() - 1);
  for (std::string line; !(line = read_line()).empty();) request.fields.push_back(parsed_field(line));
  return request;
}

bool PlatformEnd::read_chunk(WireRequest& request) {
  const std::size_t size = std::stoul(read_line(), nullptr, 16);
  request.body += read_bytes(size);
  if (size > 0) {
    if (!read_line().empty()) fail("a chunk longer than its size");
    return true;
  }
  for (std::string line; !(line = read_line()).empty();) request.trailers.push_back(parsed_field(line));
  return false;
}

WireRequest PlatformEnd::read() {
  WireRequest request = read_head();
  if (request.field("transfer-encoding") == "chunked") {
    while (read_chunk(request)) {
    }
  } else if (const std::string length = request.field("content-length"); !length.empty()) {
    request.body = read_bytes(std::stoul(length));
  }
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

bool Listener::is_quiet() const { return !wait_readable(fd_, 0); }

PlatformEnd Listener::accept() {
  if (!wait_readable(fd_, patience_ms)) fail("nobody connects");
  return PlatformEnd(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace kiln::test
