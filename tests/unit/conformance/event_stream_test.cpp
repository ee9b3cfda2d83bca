// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/event_stream.hpp"

#include "conformance/finding.hpp"
#include "tests/support/catch.hpp"

using kiln::conformance::Finding;
using kiln::conformance::read_event_stream;

namespace {

std::string number(std::size_t value, int size) {
  std::string bytes;
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255U);
  return bytes;
}

std::string header(const std::string& name, const std::string& value) {
  return number(name.size(), 1) + name + '\x07' + number(value.size(), 2) + value;
}

std::string frame(const std::string& type, const std::string& payload) {
  const std::string headers = header(":message-type", "event") + header(":event-type", type);
  return number(16 + headers.size() + payload.size(), 4) + number(headers.size(), 4) + "sum1" + headers + payload +
         "sum2";
}

}  // namespace

TEST_CASE("payload chunks are joined, and the end is told, as far as frames are whole") {
  const std::string bytes = frame("PayloadChunk", "one") + frame("PayloadChunk", "two") + frame("InvokeComplete", "{}");
  const auto whole = read_event_stream(bytes);
  CHECK(whole.payload == "onetwo");
  CHECK(whole.complete == "{}");
  const auto cut = read_event_stream(std::string_view(bytes).substr(0, bytes.size() - 1));
  CHECK(cut.payload == "onetwo");
  CHECK_FALSE(cut.complete.has_value());
  CHECK(read_event_stream("").payload.empty());
}

TEST_CASE("what are no frames is a finding") {
  CHECK_THROWS_AS(read_event_stream("{\"message\": \"an error instead\"}"), Finding);
}
