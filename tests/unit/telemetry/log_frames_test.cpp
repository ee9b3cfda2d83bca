// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_frames.hpp"

#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

std::string frame(std::uint32_t type, const std::string& text, std::uint64_t us = 1'763'812'800'123'456) {
  return big_endian(type, 4) + big_endian(text.size(), 4) + big_endian(us, 8) + text;
}

struct Reader {
  struct Taken {
    std::string text;
    std::optional<LogLevel> level;
    std::optional<std::chrono::system_clock::time_point> time;
  };
  std::vector<Taken> frames;
  std::string garbage;
  LogFrames parser{{[this](const LogFrame& f) { frames.push_back({std::string(f.text), f.level, f.time}); },
                    [this](std::string_view bytes) { garbage += bytes; }}};
};

}  // namespace

TEST_CASE("Every type of frame has its level") {
  using enum LogLevel;
  const std::vector<std::pair<std::uint32_t, std::optional<LogLevel>>> types = {
      {0xA55A0003, std::nullopt}, {0xA55A0007, trace}, {0xA55A000B, debug}, {0xA55A000F, info},
      {0xA55A0013, warn},         {0xA55A0017, error}, {0xA55A001B, fatal}, {0xA55A0002, std::nullopt},
      {0xA55A000A, debug},        {0xA55A000E, info},  {0xA55A0012, warn},  {0xA55A0016, error},
      {0xA55A001A, fatal}};
  for (const auto& [type, level] : types) {
    Reader reader;
    reader.parser.push(frame(type, "one\ntwo"));
    REQUIRE(reader.frames.size() == 1);
    CHECK(reader.frames[0].text == "one\ntwo");
    CHECK(reader.frames[0].level == level);
    REQUIRE(reader.frames[0].time);
    CHECK(reader.frames[0].time->time_since_epoch() == std::chrono::microseconds(1'763'812'800'123'456));
    CHECK(reader.garbage.empty());
  }
}

TEST_CASE("An old frame has no time") {
  Reader reader;
  reader.parser.push(big_endian(0xA55A0001, 4) + big_endian(5, 4) + "hello" + frame(0xA55A0003, ""));
  REQUIRE(reader.frames.size() == 2);
  CHECK(reader.frames[0].text == "hello");
  CHECK_FALSE(reader.frames[0].time);
  CHECK(reader.frames[1].text.empty());
}

TEST_CASE("Frames may be cut anywhere") {
  const std::string stream = frame(0xA55A000F, "first") + big_endian(0xA55A0001, 4) + big_endian(3, 4) + "old" +
                             frame(0xA55A0017, std::string(70'000, 'x')) + frame(0xA55A0003, "last");
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{7}, std::size_t{65'536}}) {
    Reader reader;
    for (std::size_t at = 0; at < stream.size(); at += step)
      reader.parser.push(std::string_view(stream).substr(at, step));
    REQUIRE(reader.frames.size() == 4);
    CHECK(reader.frames[2].text.size() == 70'000);
    CHECK(reader.frames[3].text == "last");
    CHECK(reader.garbage.empty());
  }
}

TEST_CASE("Garbage is handed on, and the next frame is found behind it") {
  Reader reader;
  const std::string before = "plain text\n\xA5";
  const std::string lie = big_endian(0xA55A0003, 4) + big_endian(0xFFFFFFFF, 4);  // four gigabytes
  const std::string unknown = big_endian(0xA55AFF03, 4) + big_endian(4, 4) + "abcd";
  const std::string half = "\xA5";
  reader.parser.push(before + frame(0xA55A000F, "one") + lie + unknown + frame(0xA55A000F, "two") + half);
  REQUIRE(reader.frames.size() == 2);
  CHECK(reader.frames[0].text == "one");
  CHECK(reader.frames[1].text == "two");
  CHECK(reader.garbage == before + lie + unknown);
  reader.parser.finish();
  CHECK(reader.garbage == before + lie + unknown + half);
  CHECK(reader.parser.garbage_bytes() == reader.garbage.size());
}

TEST_CASE("No bytes are lost or doubled, whatever comes") {
  std::mt19937 random(4711);
  for (int round = 0; round < 200; ++round) {
    std::string stream;
    for (int part = 0; part < 20; ++part) {
      if (random() % 2 == 0) stream += frame(0xA55A0003 | (random() % 8) << 2, std::string(random() % 50, 'f'));
      for (unsigned i = random() % 12; i > 0; --i)
        stream += static_cast<char>(random() % 4 == 0 ? 0xA5 : random() % 256);
    }
    Reader reader;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t step = 1 + random() % 40;
      reader.parser.push(std::string_view(stream).substr(at, step));
      at += step;
    }
    reader.parser.finish();
    std::size_t bytes = reader.garbage.size();
    for (const auto& taken : reader.frames) bytes += taken.text.size() + (taken.time ? 16 : 8);
    // A frame whose time is beyond the clock is told without one; there are none among these.
    CHECK(bytes == stream.size());
  }
}
