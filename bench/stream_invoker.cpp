// SPDX-License-Identifier: Apache-2.0
#include "bench/stream_invoker.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {

StreamInvoker::StreamInvoker(std::uint16_t port) : socket_(connect_to_loopback(port)), buffer_(262'144, '\0') {}

void StreamInvoker::receive() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.end(), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  const auto got = ::recv(socket_.fd(), buffer_.data() + end_, buffer_.size() - end_, 0);
  if (got <= 0) throw std::runtime_error("the server closed the connection within an answer");
  end_ += static_cast<std::size_t>(got);
}

StreamInvoker::Answer StreamInvoker::call(std::string_view request) {
  const auto start = Clock::now();
  if (!write_all(socket_.fd(), request)) throw std::runtime_error("the server closed the invoker's connection");
  // Up to and with the next `mark`.
  const auto take_until = [&](std::string_view mark) {
    for (;;) {
      const std::string_view have(buffer_.data() + begin_, end_ - begin_);
      const auto at = have.find(mark);
      if (at != std::string_view::npos) {
        begin_ += at + mark.size();
        return have.substr(0, at + mark.size());
      }
      receive();
    }
  };
  const auto head = take_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 200") || field_of(head, "transfer-encoding") != "chunked") {
    throw std::runtime_error("not a chunked answer: " + std::string(head));
  }
  Answer answer;
  for (;;) {
    const auto line = take_until("\r\n");
    std::uint64_t size = 0;
    std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (size == 0) break;
    if (begin_ == end_) receive();
    if (answer.bytes == 0) answer.first_byte_us = microseconds_since(start);
    answer.bytes += size;
    for (std::uint64_t left = size + 2; left > 0;) {
      if (begin_ == end_) receive();
      const auto used = std::min<std::uint64_t>(left, end_ - begin_);
      begin_ += used;
      left -= used;
    }
  }
  take_until("\r\n");
  return answer;
}

}  // namespace kiln::bench
