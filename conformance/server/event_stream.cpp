// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/event_stream.hpp"

#include <cstdint>

#include "conformance/finding.hpp"

namespace kiln::conformance {
namespace {

constexpr std::size_t prelude_size = 12;
constexpr std::size_t checksum_size = 4;
constexpr unsigned char string_type = 7;

std::size_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::size_t value = 0;
  for (std::size_t index = 0; index < size; ++index)
    value = value << 8U | static_cast<unsigned char>(bytes[at + index]);
  return value;
}

/// The value of the string header `name`; the event stream of Lambda has no other type.
std::string_view header(std::string_view headers, std::string_view name) {
  while (headers.size() > 1) {
    const std::size_t name_size = number(headers, 0, 1);
    if (headers.size() < name_size + 4 || static_cast<unsigned char>(headers[1 + name_size]) != string_type) break;
    const std::string_view found = headers.substr(1, name_size);
    const std::size_t value_size = number(headers, 2 + name_size, 2);
    const std::string_view value = headers.substr(4 + name_size, value_size);
    if (found == name) return value;
    headers.remove_prefix(4 + name_size + value.size());
  }
  return {};
}

}  // namespace

StreamedAnswer read_event_stream(std::string_view bytes) {
  StreamedAnswer answer;
  while (bytes.size() >= prelude_size) {
    const std::size_t total = number(bytes, 0, 4);
    const std::size_t headers_size = number(bytes, 4, 4);
    expect(total >= prelude_size + headers_size + checksum_size && total <= (std::size_t{32} << 20U),
           "frames of application/vnd.amazon.eventstream", shown(bytes.substr(0, 64)));
    if (bytes.size() < total) break;
    const std::string_view headers = bytes.substr(prelude_size, headers_size);
    const std::string_view payload =
        bytes.substr(prelude_size + headers_size, total - prelude_size - headers_size - checksum_size);
    const std::string_view type = header(headers, ":event-type");
    if (type == "PayloadChunk") answer.payload += payload;
    if (type == "InvokeComplete") answer.complete = payload;
    bytes.remove_prefix(total);
  }
  return answer;
}

}  // namespace kiln::conformance
