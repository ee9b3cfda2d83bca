// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/response_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace kiln {
namespace {

/// A head larger than this is no Runtime API's; client context and identity are a few KiB.
constexpr std::size_t max_head = 256 * 1024;
/// Far above any payload limit; what it keeps out is a length that was never meant.
constexpr std::size_t max_body = std::size_t{1} << 30;
/// How much of a body is asked for at once.
constexpr std::size_t receive_step = 256 * 1024;

ClientError malformed(std::string detail) { return {ClientError::Kind::malformed, 0, std::move(detail)}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Whether a comma-separated field has this element.
bool lists(std::string_view value, std::string_view element) {
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (same_text(trimmed(value.substr(0, comma)), element)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

std::optional<std::size_t> parse_number(std::string_view text, int base) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size() || number > max_body) return std::nullopt;
  return number;
}

/// Offset behind the blank line that ends a head, or npos. A bare line feed ends a line too (RFC 9112, 2.2).
std::size_t head_end(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at + 1 < text.size() && text[at + 1] == '\n') return at + 2;
    if (at + 2 < text.size() && text[at + 1] == '\r' && text[at + 2] == '\n') return at + 3;
  }
  return std::string_view::npos;
}

/// Cuts the next line, without its end, off `text`.
std::string_view next_line(std::string_view& text) {
  const auto at = text.find('\n');
  std::string_view line = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool parse_head(HttpAnswer& answer) {
  answer.fields.clear();
  std::string_view rest = answer.head;
  const std::string_view status_line = next_line(rest);
  if (status_line.size() < 12 || !status_line.starts_with("HTTP/1.") || status_line[8] != ' ') return false;
  const auto status = parse_number(status_line.substr(9, 3), 10);
  if (!status || *status < 100) return false;
  answer.status = static_cast<int>(*status);
  answer.keep_alive = status_line[7] != '0';
  while (!rest.empty()) {
    const std::string_view line = next_line(rest);
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    answer.fields.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  const std::string_view connection = answer.field("connection");
  if (lists(connection, "close")) answer.keep_alive = false;
  if (lists(connection, "keep-alive")) answer.keep_alive = true;
  return true;
}

std::optional<ClientError> read_head(Connection& connection, HttpAnswer& answer, bool stoppable) {
  std::size_t searched = 0;
  while (true) {
    const std::string_view text = connection.buffered();
    const std::size_t end = head_end(text, searched);
    if (end != std::string_view::npos) {
      answer.head.assign(text.substr(0, end));
      connection.consume(end);
      if (!parse_head(answer)) return malformed("no HTTP/1.1 head: " + answer.head.substr(0, 80));
      return std::nullopt;
    }
    if (text.size() > max_head) return malformed("an endless head");
    searched = text.size() < 3 ? 0 : text.size() - 3;
    if (auto error = connection.receive_more(stoppable && text.empty())) return error;
  }
}

/// Appends exactly `size` bytes of the stream to `body`, straight from the socket.
std::optional<ClientError> read_exactly(Connection& connection, std::string& body, std::size_t size) {
  const std::string_view ready = connection.buffered().substr(0, size);
  body.append(ready);
  size -= ready.size();
  connection.consume(ready.size());
  const std::size_t whole = body.size() + size;
  body.reserve(whole);
  while (body.size() < whole) {
    const std::size_t at = body.size();
    // In steps that fit the cache: a string grows by zeros, which are overwritten at once.
    body.resize(std::min(whole, at + receive_step));
    std::optional<ClientError> error;
    body.resize(at + connection.receive_into(body.data() + at, body.size() - at, error));
    if (error) return error;
  }
  return std::nullopt;
}

std::optional<ClientError> read_line(Connection& connection, std::string& line) {
  while (true) {
    std::string_view text = connection.buffered();
    const auto at = text.find('\n');
    if (at != std::string_view::npos) {
      line.assign(next_line(text));
      connection.consume(at + 1);
      return std::nullopt;
    }
    if (text.size() > max_head) return malformed("an endless chunk line");
    if (auto error = connection.receive_more(false)) return error;
  }
}

std::optional<ClientError> read_chunks(Connection& connection, std::string& body) {
  std::string line;
  while (true) {
    if (auto error = read_line(connection, line)) return error;
    const auto size = parse_number(trimmed(std::string_view(line).substr(0, line.find(';'))), 16);
    if (!size || *size > max_body - body.size()) return malformed("bad chunk size: " + line.substr(0, 40));
    if (*size == 0) break;
    if (auto error = read_exactly(connection, body, *size)) return error;
    if (auto error = read_line(connection, line)) return error;
    if (!line.empty()) return malformed("a chunk longer than its size");
  }
  do {
    if (auto error = read_line(connection, line)) return error;
  } while (!line.empty());
  return std::nullopt;
}

std::optional<ClientError> read_body(Connection& connection, HttpAnswer& answer) {
  answer.body.clear();
  if (answer.status == 204 || answer.status == 304) return std::nullopt;
  if (lists(answer.field("transfer-encoding"), "chunked")) return read_chunks(connection, answer.body);
  const std::string_view length = answer.field("content-length");
  if (!length.empty()) {
    const auto size = parse_number(length, 10);
    if (!size) return malformed("bad Content-Length: " + std::string(length));
    return read_exactly(connection, answer.body, *size);
  }
  answer.keep_alive = false;
  while (true) {
    answer.body.append(connection.buffered());
    connection.consume(connection.buffered().size());
    if (answer.body.size() > max_body) return malformed("an endless body");
    if (connection.receive_more(false)) return std::nullopt;
  }
}

}  // namespace

std::string_view HttpAnswer::field(std::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (same_text(field_name, name)) return value;
  }
  return {};
}

std::optional<ClientError> read_answer(Connection& connection, HttpAnswer& answer, bool stoppable) {
  do {
    if (auto error = read_head(connection, answer, stoppable)) return error;
  } while (answer.status < 200);
  return read_body(connection, answer);
}

}  // namespace kiln
