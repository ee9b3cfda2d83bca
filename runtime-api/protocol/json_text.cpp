// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/protocol/json_text.hpp"

#include <cstddef>

namespace kiln {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

void append_control(std::string& out, unsigned char c) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const auto continues = [&](std::size_t i) { return at + i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i++];
    } else if (c < 0x20) {
      append_control(out, c);
      ++i;
    } else if (const std::size_t n = utf8_length(text, i)) {
      out += text.substr(i, n);
      i += n;
    } else {
      out += replacement;
      ++i;
    }
  }
  out += '"';
}

std::string api_error_body(std::string_view message, std::string_view type) {
  std::string out = R"({"errorMessage":)";
  append_json_string(out, message);
  out += R"(,"errorType":)";
  append_json_string(out, type);
  out += "}\n";
  return out;
}

std::string platform_error_body(std::string_view type, std::string_view message) {
  std::string out = R"({"errorType":)";
  append_json_string(out, type);
  out += R"(,"errorMessage":)";
  append_json_string(out, message);
  out += '}';
  return out;
}

}  // namespace kiln
