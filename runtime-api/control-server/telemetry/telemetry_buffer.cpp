// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_buffer.hpp"

#include <utility>

namespace kiln {

bool TelemetryBuffer::has_room(std::size_t bytes) const {
  // One that is larger than all the room there is must go through all the same, or it would never.
  return held_ == 0 || held_ + bytes <= batches_held * limits_.max_bytes;
}

void TelemetryBuffer::add(std::string_view record) {
  if (!has_room(record.size())) {
    dropped_.bytes += record.size();
    ++dropped_.records;
    return;
  }
  if (gathering() && open_.bytes + record.size() > limits_.max_bytes) close_batch();
  if (framing_ == Framing::array) open_.body += gathering() ? ',' : '[';
  open_.body += record;
  if (framing_ == Framing::lines) open_.body += '\n';
  ++open_.records;
  open_.bytes += record.size();
  held_ += record.size();
  if (open_.records >= limits_.max_items || open_.bytes >= limits_.max_bytes) close_batch();
}

void TelemetryBuffer::close_batch() {
  if (!gathering()) return;
  if (framing_ == Framing::array) open_.body += ']';
  closed_.push_back(std::exchange(open_, {}));
}

TelemetryBatch TelemetryBuffer::take() {
  TelemetryBatch batch = std::move(closed_.front());
  closed_.pop_front();
  held_ -= batch.bytes;
  return batch;
}

TelemetryBuffer::Dropped TelemetryBuffer::take_dropped() { return std::exchange(dropped_, {}); }

}  // namespace kiln
