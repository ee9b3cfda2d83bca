// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/response_stream.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "runtime-api/client/head_text.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

using namespace std::chrono_literals;

/// How long the rest of an early answer may take once its first byte is there.
constexpr auto answer_patience = 2s;
/// The largest error body that goes into a trailer, in bytes before base64. kiln's server takes trailers of 64 KiB;
/// others may take less.
constexpr std::size_t max_error_trailer = 40'960;

/// The last chunk, and the trailers where there is an error.
std::string ending(const FunctionError* error) {
  std::string text = "0\r\n";
  if (error != nullptr) {
    append_field(text, headers::error_type, error->type);
    const bool fits = error->body.size() <= max_error_trailer;
    const std::string told =
        fits ? error->body
             : platform_error_body(error->type, "The error's description, of " + std::to_string(error->body.size()) +
                                                    " bytes, is too long for a trailer; it is in the function's log.");
    append_field(text, headers::error_body, base64_encode(told));
  }
  return text += "\r\n";
}

}  // namespace

void ResponseStream::begin(std::string head) {
  head_ = std::move(head);
  begun_ = true;
  sent_ = false;
  failure_.reset();
}

void ResponseStream::open() {
  // A kept connection that the platform, or something between, has closed in the meantime is opened anew.
  if (connection_.is_open() && !connection_.inherited() && connection_.has_input()) connection_.close();
  if (auto error = connection_.open()) failure_ = std::move(error);
}

ClientError ResponseStream::read_early_answer() {
  const auto patience = connection_.patience();
  connection_.set_patience(answer_patience);
  auto error = read_answer(connection_, early_, false);
  connection_.set_patience(patience);
  if (error) {
    connection_.close();
    return *std::move(error);
  }
  if (!early_.keep_alive) connection_.close();
  return {ClientError::Kind::refused, early_.status, early_.body};
}

std::optional<ClientError> ResponseStream::send(std::string_view size_line, std::string_view bytes,
                                                std::string_view rest, const std::string& next_request) {
  // iovec has no const; sendmsg only reads.
  const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };  // NOLINT
  std::array<iovec, 5> parts{part(sent_ ? std::string_view() : head_), part(size_line), part(bytes), part(rest),
                             part(next_request)};
  sent_ = true;
  auto error = connection_.send(parts);
  if (!error) return std::nullopt;
  // A platform that closes says why before it does so; that answer may still be there to read. The chunk is cut, so
  // the connection is of no further use.
  ClientError answer = read_early_answer();
  connection_.close();
  failure_ = answer.kind == ClientError::Kind::refused ? std::move(answer) : *std::move(error);
  return failure_;
}

std::optional<ClientError> ResponseStream::write(std::string_view bytes) {
  if (!sent_ && !failure_) open();
  if (!failure_ && connection_.has_input()) failure_ = read_early_answer();
  if (failure_) return failure_;
  // An empty chunk would be the last one.
  if (bytes.empty()) return sent_ ? std::nullopt : send({}, {}, {}, {});
  std::array<char, 20> line{};
  char* end = std::to_chars(line.data(), line.data() + 16, bytes.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return send({line.data(), static_cast<std::size_t>(end - line.data())}, bytes, "\r\n", {});
}

std::optional<ClientError> ResponseStream::end(const FunctionError* error, const std::string& next_request) {
  begun_ = false;
  if (!sent_ && !failure_) open();
  if (!failure_ && connection_.has_input()) failure_ = read_early_answer();
  std::optional<ClientError> answered = std::exchange(failure_, std::nullopt);
  // Also behind an early answer: whoever has kept the connection reads the body to its end.
  if (!answered || (sent_ && connection_.is_open())) send({}, {}, ending(answered ? nullptr : error), next_request);
  return answered ? answered : std::exchange(failure_, std::nullopt);
}

}  // namespace kiln
