// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/event_stream.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

using Table = std::array<std::uint32_t, 256>;

/// Table 0 takes one byte further; table n takes a byte that stands n bytes in front of the end of a group of eight.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1) ^ 0xEDB88320U : crc >> 1;
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}
constexpr std::array<Table, 8> tables = make_tables();

std::uint32_t little_endian(const unsigned char* at) {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
         static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}

void append_number(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xFFU);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  constexpr char string_type = 7;
  out += static_cast<char>(name.size());
  out += name;
  out += string_type;
  out += static_cast<char>(value.size() >> 8);
  out += static_cast<char>(value.size() & 0xFFU);
  out += value;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t so_far) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  std::uint32_t crc = ~so_far;
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint32_t first = little_endian(at) ^ crc;
    const std::uint32_t second = little_endian(at + 4);
    crc = tables[7][first & 0xFFU] ^ tables[6][first >> 8 & 0xFFU] ^ tables[5][first >> 16 & 0xFFU] ^
          tables[4][first >> 24] ^ tables[3][second & 0xFFU] ^ tables[2][second >> 8 & 0xFFU] ^
          tables[1][second >> 16 & 0xFFU] ^ tables[0][second >> 24];
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xFFU];
  return ~crc;
}

EventMessage::EventMessage(std::string_view event_type, std::string_view content_type, std::string_view payload) {
  std::string headers;
  append_header(headers, ":message-type", "event");
  append_header(headers, ":event-type", event_type);
  append_header(headers, ":content-type", content_type);
  constexpr std::size_t around = 4 + 4 + 4 + 4;  // two lengths, two checksums
  append_number(front_, static_cast<std::uint32_t>(around + headers.size() + payload.size()));
  append_number(front_, static_cast<std::uint32_t>(headers.size()));
  append_number(front_, crc32(front_));
  front_ += headers;
  append_number(back_, crc32(payload, crc32(front_)));
}

std::string invoke_complete(std::string_view error_code, std::string_view error_details, std::string_view log_result) {
  std::string out = "{";
  const auto add = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  };
  add("ErrorCode", error_code);
  add("ErrorDetails", error_details);
  add("LogResult", log_result);
  return out + "}";
}

}  // namespace kiln
