// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 messages as values, and a parser that is fed bytes as they come. The kit's own, so that what it finds of a
// server or client of ours is not what the same code reads into its own mistakes.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::conformance {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The first field called `name`, without regard to case; nothing where there is none.
std::optional<std::string> find_field(const Fields& fields, std::string_view name);

struct Message {
  using Clock = std::chrono::steady_clock;

  std::string start_line;
  Fields fields;
  std::string body;
  Fields trailers;
  bool chunked = false;
  std::optional<std::size_t> length;  ///< of Content-Length
  Clock::time_point head_at;          ///< when the head was complete
  Clock::time_point first_byte_at;    ///< when the first byte of the body was there; head_at where there is none
  Clock::time_point complete_at;

  // Of a request.
  std::string method() const;
  std::string target() const;
  // Of an answer; 0 where the status line is none.
  int status() const;

  std::optional<std::string> field(std::string_view name) const { return find_field(fields, name); }
  std::optional<std::string> trailer(std::string_view name) const { return find_field(trailers, name); }
};

class MessageParser {
 public:
  enum class Kind { request, answer };
  enum class State { head, body, complete, bad };

  explicit MessageParser(Kind kind) : kind_(kind) {}

  /// Takes from the front of `bytes` what belongs to the message. `ended`: nothing will follow.
  State advance(std::string& bytes, bool ended);

  State state() const { return state_; }
  Message& message() { return message_; }
  const Message& message() const { return message_; }
  /// What is wrong, once the state is `bad`.
  const std::string& fault() const { return fault_; }

 private:
  State fail(std::string fault);
  bool take_head(std::string& bytes);
  bool settle_body();
  bool take_chunk(std::string& bytes);
  bool take_trailers(std::string& bytes);
  void note_body();

  Kind kind_;
  State state_ = State::head;
  Message message_;
  std::string fault_;
  bool until_end_ = false;
  bool in_trailers_ = false;
  std::size_t body_left_ = 0;   // of a counted body
  std::size_t chunk_left_ = 0;  // of the current chunk, with the line end behind it
};

/// A head: the start line, the fields, the empty line.
std::string head(std::string_view start_line, const Fields& fields);
/// The same with Content-Length, and the body.
std::string with_body(std::string_view start_line, Fields fields, std::string_view body);
/// One chunk; an empty one would end the body, so it gives nothing.
std::string chunk(std::string_view data);
/// The last chunk, with trailers.
std::string last_chunk(const Fields& trailers = {});

}  // namespace kiln::conformance
