// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"

using namespace kiln;
using namespace std::chrono_literals;
using test::LoopRunner;

namespace {

/// A stream and the plain socket at its other end.
struct Pair {
  explicit Pair(EventLoop& loop) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::bad_alloc();
    stream = std::make_unique<Stream>(loop, ends[0]);
    peer = ends[1];
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() { close_peer(); }
  void close_peer() {
    if (peer >= 0) ::close(peer);
    peer = -1;
  }
  bool say(std::string_view text) const {
    return ::write(peer, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }

  std::unique_ptr<Stream> stream;
  int peer = -1;
};

Task<void> pause(EventLoop& loop, std::chrono::milliseconds span) { co_await sleep_until(loop, Deadline::after(span)); }

std::string read_text(Stream& stream) {
  std::array<char, 64> buffer;
  return {buffer.data(), stream.read_now(buffer).bytes};
}

enum class Woken { not_yet, ready, interrupted };

Task<void> wait_readable(Stream& stream, Woken& woken) {
  const bool ready = co_await stream.readable();
  woken = ready ? Woken::ready : Woken::interrupted;
}

Task<void> wait_writable(Stream& stream, Woken& woken) {
  const bool ready = co_await stream.writable();
  woken = ready ? Woken::ready : Woken::interrupted;
}

}  // namespace

TEST_CASE("Reading without data says so, and reading after the peer closed says the end") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::array<char, 8> buffer;
  CHECK(pair.stream->read_now(buffer).would_block);
  REQUIRE(pair.say("abc"));
  const ReadResult some = pair.stream->read_now(buffer);
  CHECK(some.bytes == 3);
  CHECK(some.usable());
  pair.close_peer();
  const ReadResult end = pair.stream->read_now(buffer);
  CHECK(end.end);
  CHECK_FALSE(end.usable());
}

TEST_CASE("A waiting reader continues when data comes, each time anew") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::string got;
  runner.run([](LoopRunner& r, Pair& p, std::string& out) -> Task<void> {
    for (int i = 0; i < 5; ++i) {
      Timer timer(r.loop());
      timer.arm(Deadline::after(1ms), [&p] { (void)p.say("x"); });
      const bool ready = co_await p.stream->readable();
      if (ready) out += read_text(*p.stream);
    }
  }(runner, pair, got));
  CHECK(got == "xxxxx");
}

TEST_CASE("Data that lies there already wakes the reader as well") {
  LoopRunner runner;
  Pair pair(runner.loop());
  REQUIRE(pair.say("early"));
  Woken woken = Woken::not_yet;
  runner.run(wait_readable(*pair.stream, woken));
  CHECK(woken == Woken::ready);
  // Nobody has read it: the next wait must not hang on an edge that is long past.
  LoopRunner second;
  CHECK(read_text(*pair.stream) == "early");
}

TEST_CASE("A second wait for data nobody has read returns at once") {
  LoopRunner runner;
  Pair pair(runner.loop());
  REQUIRE(pair.say("early"));
  int waits = 0;
  runner.run([](Stream& stream, int& count) -> Task<void> {
    for (; count < 3; ++count) {
      const bool ready = co_await stream.readable();
      if (!ready) co_return;
    }
  }(*pair.stream, waits));
  CHECK(waits == 3);
}

TEST_CASE("Interrupting wakes the reader, who may wait again") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int interruptions = 0;
  std::string got;
  runner.run([](LoopRunner& r, Pair& p, int& count, std::string& out) -> Task<void> {
    Timer timer(r.loop());
    for (int i = 0; i < 3; ++i) {
      timer.arm(Deadline::after(1ms), [&p] { p.stream->interrupt(); });
      const bool ready = co_await p.stream->readable();
      if (!ready) ++count;
    }
    timer.arm(Deadline::after(1ms), [&p] { (void)p.say("after"); });
    const bool ready = co_await p.stream->readable();
    if (ready) out = read_text(*p.stream);
  }(runner, pair, interruptions, got));
  CHECK(interruptions == 3);
  CHECK(got == "after");
}

TEST_CASE("An interruption nobody waits for does not spoil the next wait") {
  LoopRunner runner;
  Pair pair(runner.loop());
  pair.stream->interrupt();
  REQUIRE(pair.say("x"));
  Woken woken = Woken::not_yet;
  runner.run(wait_readable(*pair.stream, woken));
  CHECK(woken == Woken::ready);
}

TEST_CASE("Closing wakes a waiting reader and a waiting writer") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::error_code error;
  const std::string block(65'536, 'x');
  while (pair.stream->write_now(block, block, error) > 0) {
  }
  CHECK_FALSE(error);
  Woken reader = Woken::not_yet;
  Woken writer = Woken::not_yet;
  runner.loop().spawn(wait_readable(*pair.stream, reader), "reader");
  runner.loop().spawn(wait_writable(*pair.stream, writer), "writer");
  CHECK(reader == Woken::not_yet);
  CHECK(writer == Woken::not_yet);
  pair.stream->close();
  CHECK(reader == Woken::interrupted);
  CHECK(writer == Woken::interrupted);
  CHECK_FALSE(pair.stream->is_open());
  pair.stream->close();  // a second time does nothing
  runner.run(pause(runner.loop(), 2ms));
}

TEST_CASE("Waiting on a closed stream ends at once, without resuming inside the call") {
  LoopRunner runner;
  Pair pair(runner.loop());
  pair.stream->close();
  Woken reader = Woken::not_yet;
  Woken writer = Woken::not_yet;
  runner.loop().spawn(wait_readable(*pair.stream, reader), "reader");
  runner.loop().spawn(wait_writable(*pair.stream, writer), "writer");
  CHECK(reader == Woken::not_yet);
  runner.run(pause(runner.loop(), 2ms));
  CHECK(reader == Woken::interrupted);
  CHECK(writer == Woken::interrupted);
  std::array<char, 4> buffer;
  CHECK(pair.stream->read_now(buffer).end);
  std::error_code error;
  CHECK(pair.stream->write_now("x", {}, error) == 0);
  CHECK(error == std::errc::broken_pipe);
}

TEST_CASE("The reader that is woken may destroy the stream") {
  LoopRunner runner;
  Pair pair(runner.loop());
  const auto read_and_destroy = [](std::unique_ptr<Stream>& stream) -> Task<void> {
    co_await stream->readable();
    stream.reset();
  };
  SECTION("woken by data") { REQUIRE(pair.say("x")); }
  SECTION("woken by the peer's end") { pair.close_peer(); }
  runner.run(read_and_destroy(pair.stream));
  CHECK(pair.stream == nullptr);
}

TEST_CASE("The reader that close wakes may destroy the stream") {
  LoopRunner runner;
  Pair pair(runner.loop());
  runner.loop().spawn(
      [](std::unique_ptr<Stream>& stream) -> Task<void> {
        co_await stream->readable();
        stream.reset();
      }(pair.stream),
      "reader");
  pair.stream->close();
  CHECK(pair.stream == nullptr);
  runner.run(pause(runner.loop(), 2ms));
}

TEST_CASE("A writer continues once the peer has read") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::error_code error;
  const std::string block(65'536, 'x');
  while (pair.stream->write_now(block, {}, error) > 0) {
  }
  Timer drain(runner.loop());
  drain.arm(Deadline::after(1ms), [&] {
    std::array<char, 65'536> sink;
    while (::read(pair.peer, sink.data(), sink.size()) > 0) {
    }
  });
  Woken woken = Woken::not_yet;
  runner.run(wait_writable(*pair.stream, woken));
  CHECK(woken == Woken::ready);
  CHECK(pair.stream->write_now("more", {}, error) == 4);
}

TEST_CASE("Writing to a peer that is gone is an error and no signal") {
  LoopRunner runner;
  Pair pair(runner.loop());
  pair.close_peer();
  std::error_code error;
  CHECK(pair.stream->write_now("a", "b", error) == 0);
  CHECK(error == std::errc::broken_pipe);
}

TEST_CASE("Two parts are written in one go, in order") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::error_code error;
  CHECK(pair.stream->write_now("head ", "body", error) == 9);
  pair.stream->shutdown_send();
  std::array<char, 64> buffer;
  CHECK(::read(pair.peer, buffer.data(), buffer.size()) == 9);
  CHECK(std::string_view(buffer.data(), 9) == "head body");
  CHECK(::read(pair.peer, buffer.data(), buffer.size()) == 0);
}

TEST_CASE("A watched peer that goes is noticed once, at once") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  Timer timer(runner.loop());
  timer.arm(Deadline::after(1ms), [&] { pair.close_peer(); });
  runner.run(pause(runner.loop(), 10ms));
  CHECK(gone == 1);
}

TEST_CASE("Data from a watched peer is left where it is") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  REQUIRE(pair.say("next request"));
  runner.run(pause(runner.loop(), 5ms));
  CHECK(gone == 0);
  CHECK(read_text(*pair.stream) == "next request");
}

TEST_CASE("A watch that was ended stays silent") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  pair.stream->watch_peer(nullptr);
  pair.close_peer();
  runner.run(pause(runner.loop(), 5ms));
  CHECK(gone == 0);
}

TEST_CASE("A watch may be followed by a wait, and the other way about") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::string got;
  int gone = 0;
  runner.run([](LoopRunner& r, Pair& p, std::string& out, int& count) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      p.stream->watch_peer([&count] { ++count; });
      co_await sleep_until(r.loop(), Deadline::after(1ms));
      p.stream->watch_peer(nullptr);
      (void)p.say("y");
      const bool ready = co_await p.stream->readable();
      if (ready) out += read_text(*p.stream);
    }
    p.stream->watch_peer([&count] { ++count; });
    p.close_peer();
    co_await sleep_until(r.loop(), Deadline::after(5ms));
  }(runner, pair, got, gone));
  CHECK(got == "yyy");
  CHECK(gone == 1);
}

TEST_CASE("The callback of a watch may destroy the stream") {
  LoopRunner runner;
  Pair pair(runner.loop());
  pair.stream->watch_peer([&] { pair.stream.reset(); });
  pair.close_peer();
  runner.run(pause(runner.loop(), 5ms));
  CHECK(pair.stream == nullptr);
}

TEST_CASE("Closing a watched stream tells the one who watches") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  pair.stream->close();
  CHECK(gone == 1);
  runner.run(pause(runner.loop(), 2ms));
  CHECK(gone == 1);
}

TEST_CASE("Destroying a watched stream tells nobody") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  pair.stream.reset();
  runner.run(pause(runner.loop(), 2ms));
  CHECK(gone == 0);
}

// Found by Powertools, whose log lines are longer than what a wait reads at once: the end of an invocation read the pipe
// while the log's reader had the line's middle, and the line came out with its middle behind its end.
TEST_CASE("A pipe that somebody waits for may be read meanwhile, and every byte comes in its turn") {
  LoopRunner runner;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  Stream stream(runner.loop(), ends[0]);
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(i) + ' ';
  REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  std::string got;
  runner.run([](Stream& s, std::string& out) -> Task<void> {
    Task<void> waiting = [](Stream& of) -> Task<void> { (void)co_await of.readable(); }(s);
    s.loop().spawn(std::move(waiting), "a reader");
    out += read_text(s);  // while it waits
    co_await pause(s.loop(), 1ms);
    for (std::string more = read_text(s); !more.empty(); more = read_text(s)) out += more;
  }(stream, got));
  CHECK(got == text);
  ::close(ends[1]);
}

TEST_CASE("A socket that somebody waits for may be read meanwhile, and every byte comes in its turn") {
  LoopRunner runner;
  Pair pair(runner.loop());
  const std::string text = "first " + std::string(1000, 'x') + " last";
  REQUIRE(pair.say(text));
  std::string got;
  runner.run([](Pair& p, std::string& out) -> Task<void> {
    Stream& s = *p.stream;
    Task<void> waiting = [](Stream& of, std::string& into) -> Task<void> {
      (void)co_await of.readable();
      into += read_text(of);
    }(s, out);
    s.loop().spawn(std::move(waiting), "a reader");
    out += read_text(s);
    co_await pause(s.loop(), 1ms);
    for (std::string more = read_text(s); !more.empty(); more = read_text(s)) out += more;
  }(pair, got));
  CHECK(got == text);
}

TEST_CASE("The end of a watched peer is seen behind data that nobody has read") {
  LoopRunner runner;
  Pair pair(runner.loop());
  int gone = 0;
  pair.stream->watch_peer([&] { ++gone; });
  REQUIRE(pair.say("last words"));
  pair.close_peer();
  runner.run(pause(runner.loop(), 5ms));
  CHECK(gone == 1);
  CHECK(read_text(*pair.stream) == "last words");
}

TEST_CASE("A peer that reads what was waiting for room wakes the writer again and again") {
  LoopRunner runner;
  Pair pair(runner.loop());
  std::size_t sent = 0;
  std::size_t received = 0;
  runner.run([](Pair& p, std::size_t& out, std::size_t& in) -> Task<void> {
    const std::string block(100'000, 'x');
    std::array<char, 50'000> sink;
    for (int round = 0; round < 20; ++round) {
      std::error_code error;
      for (std::size_t n = 1; n > 0;) {
        n = p.stream->write_now(block, {}, error);
        out += n;
      }
      Timer drain(p.stream->loop());
      drain.arm(Deadline::after(1ms), [&] {
        for (ssize_t n = 1; n > 0;) {
          n = ::read(p.peer, sink.data(), sink.size());
          if (n > 0) in += static_cast<std::size_t>(n);
        }
      });
      const bool ready = co_await p.stream->writable();
      CHECK(ready);
    }
  }(pair, sent, received));
  CHECK(sent == received);
  CHECK(sent > 20 * 100'000);
}

TEST_CASE("A descriptor that the loop cannot watch is closed and refused") {
  LoopRunner runner;
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int copy = ::fcntl(::fileno(file), F_DUPFD_CLOEXEC, 0);
  CHECK_THROWS_AS(Stream(runner.loop(), copy), std::system_error);
  CHECK(::fcntl(copy, F_GETFD) == -1);
  std::fclose(file);
}
