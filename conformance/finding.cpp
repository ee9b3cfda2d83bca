// SPDX-License-Identifier: Apache-2.0
#include "conformance/finding.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime-api/protocol/json_text.hpp"

namespace kiln::conformance {
namespace {

constexpr std::size_t longest_shown = 160;

void append_printable(std::string& out, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = utf8_length(bytes, at);
    const char c = bytes[at];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (length == 0 || byte < 0x20 || byte == 0x7F) {
      char text[5];
      std::snprintf(text, sizeof text, "\\x%02X", byte);
      out += text;
    } else {
      out.append(bytes.substr(at, length));
    }
    at += length == 0 ? 1 : length;
  }
}

}  // namespace

std::string shown(std::string_view bytes) {
  std::string out = "\"";
  if (bytes.size() <= longest_shown) {
    append_printable(out, bytes);
    return out + "\"";
  }
  append_printable(out, bytes.substr(0, longest_shown / 2));
  out += "…";
  append_printable(out, bytes.substr(bytes.size() - longest_shown / 4));
  return out + "\" (" + std::to_string(bytes.size()) + " bytes)";
}

void expect(bool kept, std::string expected, std::string found) {
  if (!kept) throw Finding{std::move(expected), std::move(found)};
}

void expect_text(std::string_view what, std::string_view expected, std::string_view found) {
  if (expected == found) return;
  throw Finding{std::string(what) + " " + shown(expected), shown(found)};
}

void expect_json(std::string_view what, std::string_view expected, std::string_view found) {
  const auto wanted = nlohmann::json::parse(expected, nullptr, false);
  const auto given = nlohmann::json::parse(found, nullptr, false);
  if (!given.is_discarded() && wanted == given) return;
  throw Finding{std::string(what) + ", as JSON, " + shown(expected), shown(found)};
}

}  // namespace kiln::conformance
