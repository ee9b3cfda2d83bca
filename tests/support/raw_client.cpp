// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace kiln::test {
namespace {

constexpr std::chrono::milliseconds patience{20'000};

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

std::size_t number(std::string_view text, int base = 10) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::runtime_error("not a number: " + std::string(text));
  return value;
}

/// Parses a head that ends with its empty line.
RawAnswer parse_head(std::string_view head) {
  RawAnswer answer;
  answer.head = head;
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 13 || head[12] != ' ') {
    throw std::runtime_error("no status line: " + std::string(head.substr(0, 40)));
  }
  answer.status = static_cast<int>(number(head.substr(9, 3)));
  std::size_t at = head.find("\r\n") + 2;
  while (head.substr(at, 2) != "\r\n") {
    const std::size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) throw std::runtime_error("no field: " + std::string(line));
    answer.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    at = end + 2;
  }
  return answer;
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

std::optional<std::string> RawAnswer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return std::nullopt;
}

RawClient::RawClient(unsigned short port, int receive_buffer) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("cannot make a socket");
  if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(fd_);
    errno = error;
    fail("cannot connect");
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient RawClient::of_descriptor(int fd) {
  RawClient client;
  client.fd_ = fd;
  return client;
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), unread_(std::move(other.unread_)) {}

RawClient::~RawClient() { close(); }

void RawClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawClient::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void RawClient::finish_sending() { ::shutdown(fd_, SHUT_WR); }

bool RawClient::try_send(std::string_view bytes) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() > deadline) throw Late("the server does not take what is sent");
    pollfd wait{fd_, POLLOUT, 0};
    ::poll(&wait, 1, 100);
  }
  return true;
}

void RawClient::send(std::string_view bytes) {
  if (!try_send(bytes)) throw Closed("the server is gone");
}

void RawClient::send_bytewise(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) send(bytes.substr(i, 1));
}

bool RawClient::fill(std::chrono::milliseconds limit) {
  pollfd wait{fd_, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(limit.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) throw Late("the server has sent nothing; so far: " + unread_.substr(0, 300));
  std::array<char, 65'536> buffer;
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  unread_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

std::string RawClient::read_bytes(std::size_t count) {
  while (unread_.size() < count) {
    if (!fill(patience)) throw Closed("closed after: " + unread_.substr(0, 300));
  }
  std::string out = unread_.substr(0, count);
  unread_.erase(0, count);
  return out;
}

std::string RawClient::read_head() {
  std::size_t end = std::string::npos;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(patience)) throw Closed("closed within a head: " + unread_.substr(0, 300));
  }
  return read_bytes(end + 4);
}

RawAnswer RawClient::read_answer(bool to_head) {
  RawAnswer answer = parse_head(read_head());
  if (to_head || has_no_body(answer.status)) return answer;
  if (answer.field("Transfer-Encoding") == "chunked") {
    for (;;) {
      std::size_t end = std::string::npos;
      while ((end = unread_.find("\r\n")) == std::string::npos) {
        if (!fill(patience)) throw Closed("closed within a chunk's head");
      }
      const std::size_t size = number(read_bytes(end + 2).substr(0, end), 16);
      answer.body += read_bytes(size);
      if (read_bytes(2) != "\r\n") throw std::runtime_error("a chunk does not end");
      if (size == 0) return answer;
    }
  }
  const auto length = answer.field("Content-Length");
  if (!length) throw std::runtime_error("no length: " + answer.head);
  answer.body = read_bytes(number(*length));
  return answer;
}

std::string RawClient::read_to_end() {
  while (fill(patience)) {
  }
  return std::exchange(unread_, {});
}

bool RawClient::closed_within(std::chrono::milliseconds limit) {
  if (!unread_.empty()) return false;
  try {
    return !fill(limit);
  } catch (const Late&) {
    return false;
  }
}

bool RawClient::silent_for(std::chrono::milliseconds span) {
  if (!unread_.empty()) return false;
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(span.count())) == 0;
}

std::vector<RawAnswer> split_answers(std::string_view bytes) {
  std::vector<RawAnswer> answers;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos)
      throw std::runtime_error("a head does not end: " + std::string(bytes.substr(0, 80)));
    RawAnswer answer = parse_head(bytes.substr(0, end + 4));
    bytes.remove_prefix(end + 4);
    if (!has_no_body(answer.status)) {
      const std::size_t length = number(answer.field("Content-Length").value_or("none"));
      if (length > bytes.size()) throw std::runtime_error("a body is cut short");
      answer.body = bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace kiln::test
