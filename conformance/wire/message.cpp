// SPDX-License-Identifier: Apache-2.0
#include "conformance/wire/message.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace kiln::conformance {
namespace {

constexpr std::size_t max_head = 512 * 1024;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::size_t> parse_number(std::string_view text, int base) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Lines of fields, each with its line end, without the empty one.
bool parse_fields(std::string_view lines, Fields& into) {
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line[colon - 1] == ' ') return false;
    into.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
  }
  return true;
}

std::string word(const std::string& line, std::size_t number) {
  std::size_t at = 0;
  for (; number > 0; --number) {
    at = line.find(' ', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  return line.substr(at, line.find(' ', at) - at);
}

}  // namespace

std::optional<std::string> find_field(const Fields& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (same_name(field, name)) return value;
  }
  return std::nullopt;
}

std::string Message::method() const { return word(start_line, 0); }
std::string Message::target() const { return word(start_line, 1); }
int Message::status() const {
  const auto number = parse_number(word(start_line, 1), 10);
  return start_line.starts_with("HTTP/1.") && number ? static_cast<int>(*number) : 0;
}

MessageParser::State MessageParser::fail(std::string fault) {
  fault_ = std::move(fault);
  return state_ = State::bad;
}

void MessageParser::note_body() {
  if (message_.first_byte_at == Message::Clock::time_point()) message_.first_byte_at = Message::Clock::now();
}

bool MessageParser::settle_body() {
  const auto coding = message_.field("Transfer-Encoding");
  const auto length = message_.field("Content-Length");
  if (coding && !same_name(*coding, "chunked")) {
    fail("a transfer coding that is not chunked: " + *coding);
    return false;
  }
  if (coding && length) {
    fail("both Content-Length and Transfer-Encoding");
    return false;
  }
  message_.chunked = coding.has_value();
  if (length) {
    message_.length = parse_number(*length, 10);
    if (!message_.length) {
      fail("a Content-Length that is no number: " + *length);
      return false;
    }
    body_left_ = *message_.length;
  }
  const int status = message_.status();
  const bool never = kind_ == Kind::answer && (status == 204 || status == 304 || status < 200);
  if (never) {
    body_left_ = 0;
    message_.chunked = false;
  }
  until_end_ = kind_ == Kind::answer && !never && !message_.chunked && !length;
  return true;
}

bool MessageParser::take_head(std::string& bytes) {
  if (bytes.starts_with("\r\n")) bytes.erase(0, 2);  // RFC 9112, 2.2
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (bytes.size() > max_head) fail("a head without an end");
    return false;
  }
  const std::string text = bytes.substr(0, end + 2);
  bytes.erase(0, end + 4);
  const auto line_end = text.find("\r\n");
  message_ = Message();
  message_.start_line = text.substr(0, line_end);
  message_.head_at = Message::Clock::now();
  const bool is_answer = message_.start_line.starts_with("HTTP/1.");
  if (is_answer != (kind_ == Kind::answer)) {
    fail("a first line that is no HTTP/1.1: " + message_.start_line.substr(0, 80));
    return false;
  }
  if (!parse_fields(std::string_view(text).substr(line_end + 2), message_.fields)) {
    fail("a line in the head that is no field");
    return false;
  }
  return settle_body();
}

bool MessageParser::take_chunk(std::string& bytes) {
  if (chunk_left_ == 0) {
    const auto end = bytes.find("\r\n");
    if (end == std::string::npos) {
      if (bytes.size() > 1024) fail("a chunk size without an end");
      return false;
    }
    const auto size = parse_number(trimmed(std::string_view(bytes).substr(0, std::min(bytes.find(';'), end))), 16);
    if (!size) {
      fail("a chunk size that is no number: " + bytes.substr(0, std::min<std::size_t>(end, 40)));
      return false;
    }
    bytes.erase(0, end + 2);
    if (*size == 0) {
      in_trailers_ = true;
      return true;
    }
    chunk_left_ = *size + 2;
  }
  // The two bytes behind the data end the chunk.
  const std::size_t data = std::min(bytes.size(), chunk_left_ > 2 ? chunk_left_ - 2 : 0);
  if (data > 0) {
    message_.body.append(bytes, 0, data);
    note_body();
    bytes.erase(0, data);
    chunk_left_ -= data;
  }
  if (chunk_left_ > 2 || bytes.size() < 2) return false;
  if (!bytes.starts_with("\r\n")) {
    fail("a chunk longer than its size");
    return false;
  }
  bytes.erase(0, 2);
  chunk_left_ = 0;
  return true;
}

bool MessageParser::take_trailers(std::string& bytes) {
  const auto end = bytes.starts_with("\r\n") ? 0 : bytes.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string lines = end == 0 ? std::string() : bytes.substr(0, end + 2);
  bytes.erase(0, lines.size() + 2);
  if (!parse_fields(lines, message_.trailers)) {
    fail("a trailer that is no field");
    return false;
  }
  message_.complete_at = Message::Clock::now();
  state_ = State::complete;
  return true;
}

MessageParser::State MessageParser::advance(std::string& bytes, bool ended) {
  if (state_ == State::head && take_head(bytes)) state_ = State::body;
  if (state_ == State::body && message_.chunked) {
    while (state_ == State::body && (in_trailers_ ? take_trailers(bytes) : take_chunk(bytes))) {
    }
  } else if (state_ == State::body && until_end_) {
    if (!bytes.empty()) note_body();
    message_.body += std::exchange(bytes, {});
    if (ended) state_ = State::complete;
  } else if (state_ == State::body) {
    const std::size_t taken = std::min(bytes.size(), body_left_);
    if (taken > 0) note_body();
    message_.body.append(bytes, 0, taken);
    bytes.erase(0, taken);
    body_left_ -= taken;
    if (body_left_ == 0) state_ = State::complete;
  }
  if (state_ == State::complete && message_.complete_at == Message::Clock::time_point()) {
    message_.complete_at = Message::Clock::now();
  }
  if (state_ == State::complete && message_.body.empty()) message_.first_byte_at = message_.head_at;
  if (ended && (state_ == State::head || state_ == State::body)) {
    return fail(state_ == State::head ? "the connection ended before the head did"
                                      : "the connection ended in the body");
  }
  return state_;
}

std::string head(std::string_view start_line, const Fields& fields) {
  std::string text(start_line);
  text += "\r\n";
  for (const auto& [name, value] : fields) text.append(name).append(": ").append(value).append("\r\n");
  return text + "\r\n";
}

std::string with_body(std::string_view start_line, Fields fields, std::string_view body) {
  fields.emplace_back("Content-Length", std::to_string(body.size()));
  return head(start_line, fields).append(body);
}

std::string chunk(std::string_view data) {
  if (data.empty()) return {};
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return std::string(size).append(data).append("\r\n");
}

std::string last_chunk(const Fields& trailers) { return head("0", trailers); }

}  // namespace kiln::conformance
