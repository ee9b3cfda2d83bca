// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/post.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime-api/server/http/chunked_decoder.hpp"

namespace kiln::http {
namespace {

constexpr std::size_t max_head = 16'384;
constexpr std::size_t max_body = 65'536;  // more is not worth reading: the connection is closed instead

bool same(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char c, char l) { return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == l; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What decides how an answer goes on behind its head.
struct AnswerHead {
  int status = 0;  ///< 0: it is no HTTP answer
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool close = false;
};

/// `head` ends with its empty line.
AnswerHead parse_head(std::string_view head) {
  AnswerHead out;
  const auto line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return out;
  out.close = line[7] == '0';
  int status = 0;
  const auto [end, failure] = std::from_chars(line.data() + 9, line.data() + 12, status);
  if (failure != std::errc() || end != line.data() + 12 || status < 100) return out;
  head.remove_prefix(line_end + 2);
  while (!head.starts_with("\r\n")) {
    const auto next = head.find("\r\n");
    const std::string_view field = head.substr(0, next);
    head.remove_prefix(next + 2);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) return out;
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trimmed(field.substr(colon + 1));
    if (same(name, "content-length")) {
      std::uint64_t length = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), length);
      if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) return out;
      out.length = length;
    } else if (same(name, "transfer-encoding")) {
      out.chunked = true;
    } else if (same(name, "connection") && same(value, "close")) {
      out.close = true;
    }
  }
  out.status = status;
  return out;
}

/// Reads on to the end of the answer's body, of which `in` holds the beginning. False: the connection cannot be kept.
Task<bool> skip_body(OutgoingConnection& connection, const AnswerHead& head, std::string in, Deadline deadline) {
  if (head.status == 204 || head.status == 304) co_return in.empty();
  ChunkedDecoder decoder;
  std::uint64_t skipped = 0;
  for (;;) {
    if (head.chunked) {
      const auto step = decoder.step(in);
      if (step.state == ChunkedDecoder::State::bad) co_return false;
      skipped += step.consumed;
      in.erase(0, step.consumed);
      if (step.state == ChunkedDecoder::State::done) co_return in.empty();
      if (step.consumed > 0 && !in.empty()) continue;
    } else {
      if (!head.length) co_return false;
      skipped += in.size();
      in.clear();
      if (skipped >= *head.length) co_return skipped == *head.length;
    }
    if (skipped > max_body) co_return false;
    const std::error_code error = co_await connection.receive(in, deadline);
    if (error) co_return false;
  }
}

/// One attempt over a connection that is open. `answered`: a byte of an answer came.
Task<PostResult> exchange(OutgoingConnection& connection, const std::string& head, std::string_view body,
                          Deadline deadline, bool& answered) {
  PostResult result;
  result.error = co_await connection.send(head, body, deadline);
  if (result.error) co_return result;
  std::string in;
  for (;;) {
    const auto end = in.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (in.size() > max_head) break;
      result.error = co_await connection.receive(in, deadline);
      if (result.error) co_return result;
      answered = true;
      continue;
    }
    const AnswerHead answer = parse_head(std::string_view(in).substr(0, end + 4));
    if (answer.status == 0 || answer.status == 101) break;
    in.erase(0, end + 4);
    if (answer.status < 200) continue;  // an interim answer: the final one follows
    const bool whole = co_await skip_body(connection, answer, std::move(in), deadline);
    if (!whole || answer.close) connection.close();
    result.status = answer.status;
    co_return result;
  }
  connection.close();
  result.error = std::make_error_code(std::errc::protocol_error);
  co_return result;
}

}  // namespace

Task<PostResult> post(OutgoingConnection& connection, const PostRequest& request, Deadline deadline) {
  std::string head;
  head.append(request.method).append(" ").append(request.path).append(" HTTP/1.1\r\nHost: ").append(request.host);
  head.append("\r\nContent-Type: ").append(request.content_type).append("\r\nContent-Length: ");
  head.append(std::to_string(request.body.size())).append("\r\n\r\n");
  bool kept = connection.is_quiet();
  for (;;) {
    PostResult result;
    if (!kept) {
      result.error = co_await connection.connect(deadline);
      if (result.error) co_return result;
    }
    bool answered = false;
    result = co_await exchange(connection, head, request.body, deadline, answered);
    const bool stale = kept && !answered && result.error &&
                       result.error != std::make_error_code(std::errc::timed_out) &&
                       result.error != std::make_error_code(std::errc::operation_canceled);
    if (!stale) co_return result;
    kept = false;
  }
}

}  // namespace kiln::http
