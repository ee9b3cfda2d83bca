// SPDX-License-Identifier: Apache-2.0
// What waits for one subscriber: records gathered into batches, within bounds, and an exact account of what found no room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "runtime-api/server/telemetry_subscription.hpp"

namespace kiln {

/// Records as they go over the wire.
struct TelemetryBatch {
  std::string body = {};
  std::size_t records = 0;
  std::size_t bytes = 0;  ///< of the records alone
};

/// A plain value; no timers, no sockets.
class TelemetryBuffer {
 public:
  enum class Framing : std::uint8_t {
    array,  ///< one JSON array a batch
    lines,  ///< a line for each record
  };
  struct Dropped {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
  };

  /// Beyond the batch that is being delivered, so many full ones may wait.
  static constexpr std::size_t batches_held = 4;

  TelemetryBuffer(const TelemetryBuffering& limits, Framing framing) : limits_(limits), framing_(framing) {}

  /// Takes a record, or counts it as dropped where there is no room. A batch that is full is closed.
  void add(std::string_view record);
  bool has_room(std::size_t bytes) const;
  /// Whether there are records in a batch that is not closed.
  bool gathering() const { return open_.records > 0; }
  /// Closes the batch under way, where there is one: it waits to be taken.
  void close_batch();
  bool has_batch() const { return !closed_.empty(); }
  /// The oldest batch. Precondition: has_batch().
  TelemetryBatch take();

  /// What was dropped for want of room since the last call.
  Dropped take_dropped();
  bool has_dropped() const { return dropped_.records > 0; }
  /// Bytes of records that wait.
  std::size_t held_bytes() const { return held_; }

 private:
  const TelemetryBuffering limits_;
  const Framing framing_;
  TelemetryBatch open_;
  std::deque<TelemetryBatch> closed_;
  std::size_t held_ = 0;
  Dropped dropped_;
};

}  // namespace kiln
