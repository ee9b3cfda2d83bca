// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/protocol/base64.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kiln {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned char no_value = 64;

constexpr std::array<unsigned char, 256> make_values() {
  std::array<unsigned char, 256> out{};
  for (auto& value : out) value = no_value;
  for (unsigned char i = 0; i < 64; ++i) out[static_cast<unsigned char>(alphabet[i])] = i;
  return out;
}
constexpr std::array<unsigned char, 256> values = make_values();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += alphabet[group >> 18];
    out += alphabet[(group >> 12) & 63];
    out += i + 1 < bytes.size() ? alphabet[(group >> 6) & 63] : '=';
    out += i + 2 < bytes.size() ? alphabet[group & 63] : '=';
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const unsigned char value = k < digits ? values[static_cast<unsigned char>(text[i + k])] : 0;
      if (value == no_value) return std::nullopt;
      group = group << 6 | value;
    }
    out += static_cast<char>(group >> 16);
    if (digits > 2) out += static_cast<char>(group >> 8 & 0xFF);
    if (digits > 3) out += static_cast<char>(group & 0xFF);
  }
  return out;
}

}  // namespace kiln
