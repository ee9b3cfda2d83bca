// SPDX-License-Identifier: Apache-2.0
// A platform whose every byte the test decides: the other side of the wire for clients, bootstraps and runtimes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::test {

/// A request as it came.
struct WireRequest {
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::vector<std::pair<std::string, std::string>> trailers;

  /// Compared without regard to case; empty where there is none.
  std::string field(std::string_view name) const;
  std::string trailer(std::string_view name) const;
};

/// The platform's end of one connection. Every wait fails the test (by exception) after ten seconds.
class PlatformEnd {
 public:
  /// Owns `fd`.
  explicit PlatformEnd(int fd) : fd_(fd) {}
  ~PlatformEnd() { close(); }
  PlatformEnd(PlatformEnd&& other) noexcept : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}
  PlatformEnd(const PlatformEnd&) = delete;
  PlatformEnd& operator=(const PlatformEnd&) = delete;
  PlatformEnd& operator=(PlatformEnd&&) = delete;

  /// The next request with its body (by Content-Length, or chunked).
  WireRequest read();
  /// The same in steps, for a body that is still being made: the head; then one chunk after the other into `body`, with
  /// the trailers at last. False after the last one.
  WireRequest read_head();
  bool read_chunk(WireRequest& request);
  void send(std::string_view bytes);
  /// Whether the other side has closed, with nothing sent that was not read before; waits for either.
  bool peer_closes();
  /// Whether nothing comes for this long; for what must not happen, since there is no event to wait for.
  bool stays_silent(int milliseconds);
  void close();

 private:
  bool fill();
  std::string read_line();
  std::string read_bytes(std::size_t size);

  int fd_;
  std::string buffer_;
};

/// An event as the platform answers a poll. `more` is further head lines, each with its line end.
std::string event(std::string_view request_id, std::string_view payload, std::string_view more = {});
/// The platform's answer to a post it takes.
std::string accepted();
/// Any other answer.
std::string answer(int status, std::string_view body);

/// A connected pair: the platform's end, and the descriptor for the other side (the caller's to close).
std::pair<PlatformEnd, int> connected_pair();

/// Listens on a free port of 127.0.0.1.
class Listener {
 public:
  Listener();
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// "127.0.0.1:port"
  const std::string& address() const { return address_; }
  PlatformEnd accept();
  /// Whether nobody waits to be accepted.
  bool is_quiet() const;

 private:
  int fd_ = -1;
  std::string address_;
};

}  // namespace kiln::test
