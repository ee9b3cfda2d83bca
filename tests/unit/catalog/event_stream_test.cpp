// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/event_stream.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

}  // namespace

TEST_CASE("CRC-32 agrees with the check value of its catalogue, in one go and in parts") {
  CHECK(crc32("123456789") == 0xCBF43926U);
  CHECK(crc32("") == 0);
  CHECK(crc32("a") == 0xE8B7BE43U);
  const std::string text = "The quick brown fox jumps over the lazy dog";
  CHECK(crc32(text) == 0x414FA339U);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(crc32(text.substr(cut), crc32(text.substr(0, cut))) == 0x414FA339U);
}

TEST_CASE("A message has its lengths, its checksums and its headers where a reader looks for them") {
  for (const std::string& payload : {std::string(), std::string("x"), std::string(100'000, '\0')}) {
    const EventMessage message("PayloadChunk", "application/octet-stream", payload);
    const std::string whole = std::string(message.front()) + payload + std::string(message.back());
    REQUIRE(big_endian(whole, 0) == whole.size());
    const std::uint32_t headers = big_endian(whole, 4);
    CHECK(big_endian(whole, 8) == crc32(std::string_view(whole).substr(0, 8)));
    CHECK(big_endian(whole, whole.size() - 4) == crc32(std::string_view(whole).substr(0, whole.size() - 4)));
    CHECK(whole.substr(12 + headers, payload.size()) == payload);
    CHECK(12 + headers + payload.size() + 4 == whole.size());
    // Name length, name, type 7 (text), value length, value.
    CHECK(whole.substr(12, headers)
              .starts_with(std::string("\x0D:message-type\x07\x00\x05"
                                       "event",
                                       22)));
    CHECK(whole.substr(12, headers)
              .find(std::string("\x0B:event-type\x07\x00\x0C"
                                "PayloadChunk",
                                27)) != std::string::npos);
  }
}

TEST_CASE("The last event says only what there is to say") {
  CHECK(invoke_complete("", "", "") == "{}");
  const auto all = nlohmann::json::parse(invoke_complete("Unhandled", R"({"errorMessage":"\u00fc \"x\""})", "bG9n"));
  CHECK(all.size() == 3);
  CHECK(all["ErrorCode"] == "Unhandled");
  CHECK(all["ErrorDetails"] == R"({"errorMessage":"\u00fc \"x\""})");
  CHECK(all["LogResult"] == "bG9n");
  CHECK(invoke_complete("", "", "bG9n") == R"({"LogResult":"bG9n"})");
}
