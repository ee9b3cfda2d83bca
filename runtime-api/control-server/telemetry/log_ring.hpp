// SPDX-License-Identifier: Apache-2.0
// Log events in memory, packed one after another into segments: recording one is a copy of its bytes, and forgetting the
// oldest frees a segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime-api/control-server/telemetry/log_event.hpp"

namespace kiln {

/// What all events of one instance share.
struct LogStream {
  std::string name = {};
  LogFormat format = LogFormat::text;
  LogLevel system_level = LogLevel::info;       ///< in JSON format: the least weight of the platform's lines …
  LogLevel application_level = LogLevel::info;  ///< … and of the function's
};

using LogStreams = std::vector<std::shared_ptr<const LogStream>>;

/// Reads one packed event at `at`; its views lead into the packed bytes and into `streams`. Returns it with its length.
std::pair<LogEvent, std::size_t> unpack_event(const char* at, const LogStreams& streams);

/// Packed events. Bytes below `used` never change, so a slice of them may be read on another thread meanwhile.
struct LogSegment {
  LogSegment(std::size_t size, std::uint64_t begin) : bytes(new char[size]), capacity(size), position(begin) {}

  const std::unique_ptr<char[]> bytes;
  const std::size_t capacity;
  const std::uint64_t position;  ///< of its first byte, counted from the ring's beginning
  std::size_t used = 0;
  LogStreams streams = {};  ///< events name theirs by its place here
};

/// Part of a segment, for another thread. A plain value.
struct LogSlice {
  std::shared_ptr<const LogSegment> segment = {};
  std::size_t from = 0;
  std::size_t to = 0;
  LogStreams streams = {};  ///< a copy: the segment's own may grow meanwhile

  /// Calls `visit(const LogEvent&)` for each event, oldest first. Any thread.
  template <class Visit>
  void each(Visit visit) const {
    for (std::size_t at = from; at < to;) {
      const auto [event, length] = unpack_event(segment->bytes.get() + at, streams);
      visit(event);
      at += length;
    }
  }
};

/// Data-plane thread only.
class LogRing {
 public:
  /// Holds at most `limit` bytes (more only where one event is larger), taken as they are needed. With `for_disk`, also
  /// holds what take_unwritten() has not yet handed out, beyond the limit if need be.
  LogRing(std::size_t limit, bool for_disk) : limit_(limit), for_disk_(for_disk) {}

  /// Packs `event`, whose stream and format are those of `stream`. Returns its position.
  std::uint64_t append(const std::shared_ptr<const LogStream>& stream, const LogEvent& event);

  /// Calls `visit(const LogEvent&)` for each event held from `position` on, oldest first.
  template <class Visit>
  void each(std::uint64_t position, Visit visit) const {
    for (const auto& segment : segments_) {
      if (segment->position + segment->used <= position) continue;
      std::size_t at = position > segment->position ? static_cast<std::size_t>(position - segment->position) : 0;
      while (at < segment->used) {
        const auto [event, length] = unpack_event(segment->bytes.get() + at, segment->streams);
        visit(event);
        at += length;
      }
    }
  }

  /// Where the next event will be.
  std::uint64_t end() const { return segments_.empty() ? 0 : segments_.back()->position + segments_.back()->used; }
  std::size_t unwritten_bytes() const { return unwritten_bytes_; }
  /// What was appended since the last call.
  std::vector<LogSlice> take_unwritten();
  /// From now on nothing is kept for the disk.
  void disconnect_disk();

 private:
  LogSegment& segment_for(std::size_t size);
  static std::uint16_t place_of(LogSegment& segment, const std::shared_ptr<const LogStream>& stream);

  std::size_t limit_;
  bool for_disk_;
  std::deque<std::shared_ptr<LogSegment>> segments_;
  std::size_t held_ = 0;  // the segments' capacities
  std::vector<std::shared_ptr<LogSegment>> unwritten_;
  std::size_t unwritten_from_ = 0;  // in the first of them
  std::size_t unwritten_bytes_ = 0;
};

}  // namespace kiln
