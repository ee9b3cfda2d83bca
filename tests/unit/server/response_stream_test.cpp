// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/response_stream.hpp"

#include <memory>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/part_sink.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

void rethrow(const std::exception_ptr& error) { std::rethrow_exception(error); }

/// What a reader has come to.
struct Reading {
  PartSink sink;
  bool ended = false;
  InvocationResult result;
};

Task<void> read_all(std::shared_ptr<ResponseStream> stream, Reading& reading) {
  for (;;) {
    const std::string_view part = co_await stream->read();
    if (part.empty()) break;
    co_await reading.sink.write(part);
  }
  reading.result = stream->take_result();
  reading.ended = true;
}

Task<void> write_one(std::shared_ptr<ResponseStream> stream, std::string_view part, std::vector<std::string>& out) {
  const bool wanted = co_await stream->write(part);
  out.emplace_back(wanted ? "taken" : "over");
}

struct Both {
  std::shared_ptr<ResponseStream> stream = std::make_shared<ResponseStream>();
  Reading reading;
  std::vector<std::string> writes;

  /// Whoever still waits is let go.
  ~Both() { stream->close(Success{}); }
  void read() { spawn(read_all(stream, reading), rethrow); }
  void write(std::string_view part) { spawn(write_one(stream, part, writes), rethrow); }
};

}  // namespace

TEST_CASE("A part reaches a waiting reader before the write returns") {
  Both both;
  both.read();
  both.write("one");
  CHECK(both.reading.sink.parts == std::vector<std::string>{"one"});
  CHECK(both.writes == std::vector<std::string>{"taken"});
}

TEST_CASE("A write waits for a reader, and for a slow one to be done with the part") {
  Both both;
  both.reading.sink.slow = true;
  both.write("one");
  CHECK(both.writes.empty());
  both.read();
  CHECK(both.reading.sink.parts == std::vector<std::string>{"one"});
  CHECK(both.writes.empty());
  both.reading.sink.release();
  CHECK(both.writes == std::vector<std::string>{"taken"});
}

TEST_CASE("The end comes behind every part, with the result") {
  Both both;
  both.read();
  both.write("one");
  both.write("two");
  CHECK_FALSE(both.reading.ended);
  both.stream->close(Success{"text/plain", ""});
  REQUIRE(both.reading.ended);
  CHECK(both.reading.sink.text() == "onetwo");
  CHECK(std::get<Success>(both.reading.result).content_type == "text/plain");
}

TEST_CASE(
    "A stream that is closed while a slow reader holds a part keeps the writer, and so the bytes, until it lets go") {
  Both both;
  both.reading.sink.slow = true;
  both.read();
  both.write("one");
  both.stream->close(FunctionError{"Sandbox.Timedout", "{}"});
  CHECK(both.writes.empty());
  CHECK_FALSE(both.reading.ended);
  both.reading.sink.release();
  CHECK(both.writes == std::vector<std::string>{"over"});
  REQUIRE(both.reading.ended);
  CHECK(std::get<FunctionError>(both.reading.result).type == "Sandbox.Timedout");
}

TEST_CASE("Nothing is written to a stream that is over, and the first end counts") {
  Both both;
  both.stream->close(FunctionError{"First", "{}"});
  both.stream->close(FunctionError{"Second", "{}"});
  both.write("late");
  CHECK(both.writes == std::vector<std::string>{"over"});
  both.read();
  REQUIRE(both.reading.ended);
  CHECK(both.reading.sink.parts.empty());
  CHECK(std::get<FunctionError>(both.reading.result).type == "First");
}

TEST_CASE("Any number of parts pass without the stack growing, whichever side is the one that waits") {
  constexpr int many = 200'000;
  const auto write_many = [](std::shared_ptr<ResponseStream> stream) -> Task<void> {
    for (int i = 0; i < many; ++i) {
      const bool wanted = co_await stream->write("x");
      if (!wanted) co_return;
    }
    stream->close(Success{});
  };
  const auto count = [](std::shared_ptr<ResponseStream> stream, int& parts) -> Task<void> {
    for (;;) {
      const std::string_view part = co_await stream->read();
      if (part.empty()) co_return;
      ++parts;
    }
  };
  for (const bool reader_first : {true, false}) {
    const auto stream = std::make_shared<ResponseStream>();
    int parts = 0;
    if (reader_first) spawn(count(stream, parts), rethrow);
    spawn(write_many(stream), rethrow);
    if (!reader_first) spawn(count(stream, parts), rethrow);
    CHECK(parts == many);
  }
}
