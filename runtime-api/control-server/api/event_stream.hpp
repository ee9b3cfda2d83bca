// SPDX-License-Identifier: Apache-2.0
// Messages of application/vnd.amazon.eventstream (Smithy, "Amazon Event Stream"): total length, length of the headers, CRC-32
// of these two; headers; payload; CRC-32 of all before. Numbers are big-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln {

/// CRC-32 (ISO 3309, as gzip has it) of `bytes` behind what gave `so_far`.
std::uint32_t crc32(std::string_view bytes, std::uint32_t so_far = 0);

/// One event, around a payload that stays where it is.
class EventMessage {
 public:
  /// `payload` is read here only, for its length and checksum.
  EventMessage(std::string_view event_type, std::string_view content_type, std::string_view payload);

  /// What stands in front of the payload.
  std::string_view front() const { return front_; }
  /// What stands behind it.
  std::string_view back() const { return back_; }

 private:
  std::string front_;
  std::string back_;
};

/// The last event's payload: JSON with the members that are not empty.
std::string invoke_complete(std::string_view error_code, std::string_view error_details, std::string_view log_result);

}  // namespace kiln
