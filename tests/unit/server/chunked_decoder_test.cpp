// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/chunked_decoder.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kiln::http;
using namespace std::string_view_literals;

namespace {

struct Decoded {
  std::string body;
  ChunkedDecoder::State state = ChunkedDecoder::State::more;
  std::size_t consumed = 0;
  std::vector<Field> trailers;
};

/// Feeds `input` in pieces of `piece` bytes, as far as the decoder takes it.
Decoded decode(std::string_view input, std::size_t piece) {
  ChunkedDecoder decoder;
  Decoded out;
  std::string pending;
  for (std::size_t at = 0; at < input.size() && out.state == ChunkedDecoder::State::more; at += piece) {
    pending += input.substr(at, piece);
    for (;;) {
      const auto step = decoder.step(pending);
      out.body += step.data;
      out.consumed += step.consumed;
      const bool progress = step.consumed > 0;
      pending.erase(0, step.consumed);
      out.state = step.state;
      if (!progress || step.state != ChunkedDecoder::State::more) break;
    }
  }
  out.trailers = decoder.trailers();
  return out;
}

/// The same in one piece, byte by byte, and in threes; all must agree.
Decoded decode_every_way(std::string_view input) {
  const Decoded whole = decode(input, input.size());
  for (const std::size_t piece : {1U, 3U}) {
    const Decoded pieces = decode(input, piece);
    CHECK(pieces.state == whole.state);
    if (whole.state != ChunkedDecoder::State::bad) {
      CHECK(pieces.body == whole.body);
      CHECK(pieces.consumed == whole.consumed);
      CHECK(pieces.trailers == whole.trailers);
    }
  }
  return whole;
}

using State = ChunkedDecoder::State;

}  // namespace

TEST_CASE("Chunks are joined, and what follows the last one is left alone") {
  const auto out = decode_every_way("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(out.state == State::done);
  CHECK(out.body == "hello world");
  CHECK(out.consumed == 5 + 5 + 6 + 10 + 5);
  CHECK(out.trailers.empty());
}

TEST_CASE("An empty chunked body ends at once") {
  const auto out = decode_every_way("0\r\n\r\n");
  CHECK(out.state == State::done);
  CHECK(out.body.empty());
}

TEST_CASE("Sizes are hexadecimal in either case, with leading zeros up to a bound") {
  CHECK(decode_every_way("A\r\n0123456789\r\n0\r\n\r\n").body == "0123456789");
  CHECK(decode_every_way("a\r\n0123456789\r\n0\r\n\r\n").body == "0123456789");
  CHECK(decode_every_way("000000000000002\r\nab\r\n000\r\n\r\n").body == "ab");
  CHECK(decode_every_way("0000000000000002\r\nab\r\n0\r\n\r\n").state == State::bad);
}

TEST_CASE("A body may hold line ends and whatever else") {
  CHECK(decode_every_way("8\r\n\r\n0\r\n\r\n\0\r\n0\r\n\r\n"sv).body == "\r\n0\r\n\r\n\0"sv);
}

TEST_CASE("Extensions are read over, and bounded") {
  const auto out = decode_every_way("2;name=value;other=\"a b\"\r\nab\r\n0;last\r\n\r\n");
  CHECK(out.state == State::done);
  CHECK(out.body == "ab");
  CHECK(decode("2;" + std::string(300, 'x') + "\r\nab\r\n0\r\n\r\n", 400).state == State::bad);
  CHECK(decode("2;" + std::string(300, 'x'), 1).state == State::bad);  // long before its line ends
}

TEST_CASE("Extensions are bounded over the whole body, not only by line") {
  std::string flood;
  for (int i = 0; i < 2'000; ++i) flood += "1;" + std::string(200, 'x') + "\r\na\r\n";
  CHECK(decode(flood + "0\r\n\r\n", 4096).state == State::bad);
}

TEST_CASE("A size line that could be read in two ways is refused") {
  for (const char* const line :
       {"", ";x", "g", "-1", "+1", "0x2", " 2", "2 ", "2 ;x", "2\t", "2,2", "2;\x01", "2;a\x7F", "2\r", "2;a\rb"}) {
    INFO(line);
    CHECK(decode_every_way(std::string(line) + "\r\nab\r\n0\r\n\r\n").state == State::bad);
  }
  CHECK(decode_every_way("2\nab\r\n0\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("2\r\nab\n0\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("2\r\nabc\r\n0\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("2\r\nab0\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("2\r\nab\r\r\n0\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("2;a\0b\r\nab\r\n0\r\n\r\n"sv).state == State::bad);
}

TEST_CASE("A size that does not fit is refused, not wrapped around") {
  CHECK(decode_every_way("FFFFFFFFFFFFFFFF\r\nab").state == State::bad);
  CHECK(decode_every_way("10000000000000002\r\nab\r\n0\r\n\r\n").state == State::bad);
  const auto huge = decode_every_way("FFFFFFFFFFFFFFF\r\nab");
  CHECK(huge.state == State::more);
  CHECK(huge.body == "ab");
}

TEST_CASE("Trailers are kept apart, trimmed, in order") {
  const auto out =
      decode_every_way("1\r\na\r\n0\r\nError-Type: \t Runtime.Broken \r\nempty:\r\nContent-Length: 99\r\n\r\n");
  CHECK(out.state == State::done);
  CHECK(out.trailers == std::vector<Field>{{"Error-Type", "Runtime.Broken"}, {"empty", ""}, {"Content-Length", "99"}});
}

TEST_CASE("Trailers that are no fields are refused") {
  for (const char* const line : {"no colon", ": nameless", "na me: x", "name : x", " folded: x", "\tfolded", "a: b\rc",
                                 "a: b\x01", "a: b\x7F", "n\xC3\xA4me: x", "a(b): x"}) {
    INFO(line);
    CHECK(decode_every_way("0\r\n" + std::string(line) + "\r\n\r\n").state == State::bad);
  }
  CHECK(decode_every_way("0\r\na: b\n\r\n").state == State::bad);
  CHECK(decode_every_way("0\r\n\n").state == State::bad);
  CHECK(decode_every_way("0\r\na: b\r\n c\r\n\r\n").state == State::bad);
  CHECK(decode_every_way("0\r\na: b\0c\r\n\r\n"sv).state == State::bad);
}

TEST_CASE("A trailer of 60 kB is kept and one of 70 kB is refused") {
  const auto out = decode("0\r\nBody: " + std::string(60'000, 'x') + "\r\n\r\n", 4096);
  CHECK(out.state == State::done);
  REQUIRE(out.trailers.size() == 1);
  CHECK(out.trailers[0].second.size() == 60'000);
  CHECK(decode("0\r\nBody: " + std::string(70'000, 'x') + "\r\n\r\n", 4096).state == State::bad);
  CHECK(decode("0\r\nBody: " + std::string(70'000, 'x'), 1).state == State::bad);
}

TEST_CASE("Many small trailers are bounded as one large one is") {
  std::string many = "0\r\n";
  for (int i = 0; i < 10'000; ++i) many += "a: b01\r\n";
  CHECK(decode(many + "\r\n", 4096).state == State::bad);
}

TEST_CASE("After a failure nothing is taken any more") {
  ChunkedDecoder decoder;
  CHECK(decoder.step("zz\r\n").state == State::bad);
  const auto step = decoder.step("2\r\nab\r\n0\r\n\r\n");
  CHECK(step.state == State::bad);
  CHECK(step.consumed == 0);
}

TEST_CASE("After the end nothing is taken any more") {
  ChunkedDecoder decoder;
  CHECK(decoder.step("0\r\n\r\n").state == State::done);
  const auto step = decoder.step("5\r\nhello\r\n");
  CHECK(step.state == State::done);
  CHECK(step.consumed == 0);
  CHECK(step.data.empty());
}
