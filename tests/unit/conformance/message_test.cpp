// SPDX-License-Identifier: Apache-2.0
#include "conformance/wire/message.hpp"

#include <string>

#include "tests/support/catch.hpp"

using kiln::conformance::chunk;
using kiln::conformance::last_chunk;
using kiln::conformance::Message;
using kiln::conformance::MessageParser;
using Kind = MessageParser::Kind;
using State = MessageParser::State;

namespace {

/// Feeds `bytes` in pieces of `size`; what is left over stays in `rest`.
MessageParser parse(Kind kind, const std::string& bytes, std::size_t size, std::string& rest, bool ended = false) {
  MessageParser parser(kind);
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    rest += bytes.substr(at, size);
    if (parser.state() != State::complete) parser.advance(rest, false);
  }
  if (ended && parser.state() != State::complete) parser.advance(rest, true);
  return parser;
}

std::string fault_of(const std::string& bytes, bool ended = false) {
  std::string rest;
  const auto parser = parse(Kind::request, bytes, bytes.size(), rest, ended);
  CHECK(parser.state() == State::bad);
  return parser.fault();
}

}  // namespace

TEST_CASE("a chunked request with trailers is the same in every cutting, and leaves what follows it") {
  const std::string bytes = "POST /x HTTP/1.1\r\nHost: h\r\nTRANSFER-encoding: chunked\r\n\r\n" + chunk("hello ") +
                            chunk("world") + last_chunk({{"Error-Type", " T "}}) + "GET /next HTTP/1.1\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    std::string rest;
    const auto parser = parse(Kind::request, bytes, size, rest);
    REQUIRE(parser.state() == State::complete);
    const Message& message = parser.message();
    CHECK(message.method() == "POST");
    CHECK(message.target() == "/x");
    CHECK(message.body == "hello world");
    CHECK(message.trailer("error-type") == "T");
    CHECK(message.field("host") == "h");
    CHECK(rest == "GET /next HTTP/1.1\r\n");
  }
}

TEST_CASE("an answer is counted, empty, or goes to the end of the connection") {
  std::string rest;
  CHECK(parse(Kind::answer, "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabcd", 100, rest).message().body ==
        "abc");
  CHECK(rest == "d");
  rest.clear();
  CHECK(parse(Kind::answer, "HTTP/1.1 204 No Content\r\n\r\n", 100, rest).state() == State::complete);
  CHECK(parse(Kind::answer, "HTTP/1.1 200 OK\r\n\r\nall of it", 100, rest).state() == State::body);
  rest.clear();
  const auto whole = parse(Kind::answer, "HTTP/1.1 200 OK\r\n\r\nall of it", 100, rest, true);
  CHECK(whole.state() == State::complete);
  CHECK(whole.message().body == "all of it");
  CHECK(whole.message().status() == 200);
}

TEST_CASE("what is no HTTP/1.1 is said to be none, and why") {
  CHECK(fault_of("HTTP/1.1 200 OK\r\n\r\n").find("first line") != std::string::npos);
  CHECK(fault_of("GET / HTTP/1.1\r\nno field\r\n\r\n").find("no field") != std::string::npos);
  CHECK(fault_of("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n").find("both") !=
        std::string::npos);
  CHECK(fault_of("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").find("no number") != std::string::npos);
  CHECK(fault_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").find("chunk size") !=
        std::string::npos);
  CHECK(fault_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n").find("longer") !=
        std::string::npos);
  CHECK(fault_of("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", true).find("in the body") != std::string::npos);
  CHECK(fault_of("POST / HT", true).find("before the head") != std::string::npos);
}
