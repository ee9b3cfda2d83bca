// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/identifiers.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <stdexcept>

namespace kiln {
namespace {

/// From a stock of the thread's own: every invocation takes an id, and the kernel is asked once for sixteen.
void fill_random(unsigned char* out, std::size_t size) {
  thread_local std::array<unsigned char, 256> stock;
  thread_local std::size_t left = 0;
  if (left < size) {
    // Requests of up to 256 bytes are never cut short once the kernel's pool is ready.
    if (::getrandom(stock.data(), stock.size(), 0) != static_cast<ssize_t>(stock.size())) {
      throw std::runtime_error("no random bytes from the kernel");
    }
    left = stock.size();
  }
  std::copy_n(stock.data() + (stock.size() - left), size, out);
  left -= size;
}

constexpr char hex[] = "0123456789abcdef";

}  // namespace

std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += hex[bytes[i] >> 4];
    out += hex[bytes[i] & 15];
  }
  return out;
}

std::string random_id(std::size_t length) {
  static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  while (out.size() < length) {
    unsigned char byte = 0;
    fill_random(&byte, 1);
    if (byte < 252) out += alphabet[byte % 36];  // 252 = 7 * 36: no letter is likelier than another
  }
  return out;
}

std::string new_trace_id(std::chrono::system_clock::time_point when) {
  std::array<unsigned char, 12> bytes{};
  fill_random(bytes.data(), bytes.size());
  std::array<char, 16> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%08x",
                static_cast<unsigned>(std::chrono::system_clock::to_time_t(when)));
  std::string out = std::string("Root=1-") + seconds.data() + "-";
  for (const unsigned char byte : bytes) {
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

std::string timestamp_text(std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t n = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> tail{};
  std::snprintf(tail.data(), tail.size(), ".%03d+0000", static_cast<int>(ms % 1000));
  return std::string(text.data(), n) + tail.data();
}

}  // namespace kiln
