// SPDX-License-Identifier: Apache-2.0
#include "bench/http_invoker.hpp"

#include <sys/socket.h>

#include <cctype>
#include <charconv>
#include <stdexcept>

namespace kiln::bench {

HttpInvoker::HttpInvoker(std::uint16_t port) : socket_(connect_to_loopback(port)), buffer_(65'536, '\0') {}

std::string_view field_of(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
    at += 2;
    if (head.size() <= at + name.size() || head[at + name.size()] != ':') continue;
    bool same = true;
    for (std::size_t i = 0; same && i < name.size(); ++i) {
      same = std::tolower(static_cast<unsigned char>(head[at + i])) == name[i];
    }
    if (!same) continue;
    std::size_t begin = at + name.size() + 1;
    while (begin < head.size() && head[begin] == ' ') ++begin;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

HttpInvoker::Answer HttpInvoker::call(std::string_view request) {
  if (!write_all(socket_.fd(), request)) throw std::runtime_error("the server closed the invoker's connection");
  std::size_t have = 0;
  std::size_t head_size = 0;
  std::size_t whole = 0;
  while (whole == 0 || have < whole) {
    if (have == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const auto got = ::recv(socket_.fd(), buffer_.data() + have, buffer_.size() - have, 0);
    if (got <= 0) throw std::runtime_error("the server closed the connection within an answer");
    have += static_cast<std::size_t>(got);
    if (whole != 0) continue;
    const auto end = std::string_view(buffer_).substr(0, have).find("\r\n\r\n");
    if (end == std::string_view::npos) continue;
    head_size = end + 4;
    const auto length = field_of(std::string_view(buffer_).substr(0, head_size), "content-length");
    std::size_t body = 0;
    if (length.empty() || std::from_chars(length.data(), length.data() + length.size(), body).ec != std::errc()) {
      throw std::runtime_error("an answer without Content-Length: " + buffer_.substr(0, head_size));
    }
    whole = head_size + body;
    if (whole > buffer_.size()) buffer_.resize(whole);
  }
  Answer answer;
  answer.head = std::string_view(buffer_).substr(0, head_size);
  answer.body = std::string_view(buffer_).substr(head_size, whole - head_size);
  std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
  return answer;
}

std::string HttpInvoker::request(std::string_view method, std::string_view path, std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  if (!body.empty() || method != "GET") {
    text.append("Content-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n");
  }
  return text.append("\r\n").append(body);
}

}  // namespace kiln::bench
