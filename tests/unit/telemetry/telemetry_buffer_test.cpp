// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_buffer.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

TelemetryBuffering limits(std::size_t items, std::size_t bytes) {
  return {items, bytes, std::chrono::milliseconds(100)};
}

}  // namespace

TEST_CASE("Records become one JSON array, or a line each") {
  TelemetryBuffer array(limits(10, 100), TelemetryBuffer::Framing::array);
  TelemetryBuffer lines(limits(10, 100), TelemetryBuffer::Framing::lines);
  for (TelemetryBuffer* const buffer : {&array, &lines}) {
    CHECK_FALSE(buffer->gathering());
    buffer->add("{1}");
    buffer->add("{22}");
    CHECK(buffer->gathering());
    CHECK_FALSE(buffer->has_batch());
    buffer->close_batch();
    CHECK(buffer->has_batch());
    CHECK(buffer->held_bytes() == 7);
  }
  const TelemetryBatch one = array.take();
  CHECK(one.body == "[{1},{22}]");
  CHECK(one.records == 2);
  CHECK(one.bytes == 7);
  CHECK(lines.take().body == "{1}\n{22}\n");
  CHECK(array.held_bytes() == 0);
  array.close_batch();  // of nothing
  CHECK_FALSE(array.has_batch());
}

TEST_CASE("A batch is closed by its items and by its bytes") {
  TelemetryBuffer items(limits(3, 100), TelemetryBuffer::Framing::array);
  for (int i = 0; i < 3; ++i) items.add("x");
  CHECK(items.has_batch());
  CHECK_FALSE(items.gathering());

  TelemetryBuffer bytes(limits(100, 10), TelemetryBuffer::Framing::array);
  bytes.add("1234567");
  bytes.add("1234");  // would make eleven: the first goes out alone
  REQUIRE(bytes.has_batch());
  CHECK(bytes.take().body == "[1234567]");
  bytes.add("123456");  // exactly ten
  REQUIRE(bytes.has_batch());
  CHECK(bytes.take().records == 2);
  CHECK_FALSE(bytes.gathering());
}

TEST_CASE("What finds no room is counted to the byte, and room comes back") {
  TelemetryBuffer buffer(limits(100, 10), TelemetryBuffer::Framing::lines);
  std::size_t taken = 0;
  for (int i = 0; i < 20; ++i) {
    const bool room = buffer.has_room(5);
    taken += room ? 1 : 0;
    buffer.add("12345");
  }
  CHECK(taken == 2 * TelemetryBuffer::batches_held);
  CHECK(buffer.held_bytes() == 10 * TelemetryBuffer::batches_held);
  const auto dropped = buffer.take_dropped();
  CHECK(dropped.records == 20 - taken);
  CHECK(dropped.bytes == 5 * (20 - taken));
  CHECK_FALSE(buffer.has_dropped());
  CHECK(buffer.take().records == 2);
  CHECK(buffer.has_room(10));
  CHECK_FALSE(buffer.has_room(11));
}

TEST_CASE("A record larger than all the room goes through alone") {
  TelemetryBuffer buffer(limits(100, 10), TelemetryBuffer::Framing::array);
  const std::string large(1000, 'x');
  buffer.add(large);
  CHECK(buffer.has_batch());
  buffer.add("y");
  CHECK(buffer.take_dropped().records == 1);
  CHECK(buffer.take().bytes == 1000);
}
