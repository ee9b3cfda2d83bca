// SPDX-License-Identifier: Apache-2.0
// A TCP client that sends bytes as they are written in a test and reads answers as bytes, so that tests see the wire.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::test {

/// One answer as it stood on the wire.
struct RawAnswer {
  int status = 0;
  std::string head;  ///< status line and fields, with the empty line behind them
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;  ///< with the chunks joined, where it was chunked

  /// The value of the first field of exactly that name (case counts: we test what is written); nothing where there is none.
  std::optional<std::string> field(std::string_view name) const;
};

/// The test has waited longer than it may.
struct Late : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The server has ended the connection where something was still to come.
struct Closed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Blocking; every wait ends with Late after `patience` seconds. One thread.
class RawClient {
 public:
  /// Connects to 127.0.0.1:`port`. `receive_buffer` bytes of SO_RCVBUF where it is not 0.
  explicit RawClient(unsigned short port, int receive_buffer = 0);
  /// Takes ownership of a connected socket.
  static RawClient of_descriptor(int fd);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;

  /// Sends all of it. Throws Closed where the server is gone.
  void send(std::string_view bytes);
  /// Each byte in a write of its own.
  void send_bytewise(std::string_view bytes);
  /// As `send`, and false instead of Closed.
  bool try_send(std::string_view bytes);

  /// Reads one answer. `to_head`: the request was HEAD, no body follows.
  RawAnswer read_answer(bool to_head = false);
  /// send and read_answer.
  RawAnswer ask(std::string_view bytes) {
    send(bytes);
    return read_answer();
  }
  /// Reads exactly `count` bytes.
  std::string read_bytes(std::size_t count);
  /// Reads up to and with the end of a head.
  std::string read_head();
  /// Everything until the server closes. A reset counts as the end.
  std::string read_to_end();

  /// True where the server closes within `limit`, and sends nothing before.
  bool closed_within(std::chrono::milliseconds limit);
  /// True where nothing at all happens within `span`.
  bool silent_for(std::chrono::milliseconds span);

  void finish_sending();
  void close();
  /// Closes with a reset.
  void reset();

 private:
  RawClient() = default;
  bool fill(std::chrono::milliseconds limit);  // false: the end

  int fd_ = -1;
  std::string unread_;
};

/// Takes apart answers that lie one behind the other. Throws std::runtime_error where the bytes are no such thing.
std::vector<RawAnswer> split_answers(std::string_view bytes);

}  // namespace kiln::test
