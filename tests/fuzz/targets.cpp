// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime-api/server/http/chunked_decoder.hpp"
#include "runtime-api/server/http/message.hpp"
#include "runtime-api/server/http/request_head.hpp"
#include "runtime-api/server/runtime_api.hpp"
#include "runtime-api/server/runtime_session.hpp"
#include "tests/support/raw_client.hpp"

namespace kiln::fuzz {
namespace {

void expect(bool promise, const char* what) {
  if (!promise) throw std::logic_error(what);
}

struct Decoded {
  std::string body;
  std::size_t consumed = 0;
  http::ChunkedDecoder::State state = http::ChunkedDecoder::State::more;
  std::vector<http::Field> trailers;
};

Decoded decode(std::string_view input, std::size_t piece) {
  http::ChunkedDecoder decoder;
  Decoded out;
  std::size_t end = 0;
  while (end < input.size() && out.state == http::ChunkedDecoder::State::more) {
    end = std::min(input.size(), end + piece);
    while (out.consumed < end && out.state == http::ChunkedDecoder::State::more) {
      const auto step = decoder.step(input.substr(out.consumed, end - out.consumed));
      expect(step.consumed <= end - out.consumed, "more consumed than given");
      expect(step.consumed > 0 || step.state != http::ChunkedDecoder::State::more, "no progress");
      out.body += step.data;
      out.consumed += step.consumed;
      out.state = step.state;
    }
  }
  out.trailers = decoder.trailers();
  return out;
}

/// The peer of a connection under test, driven from the loop itself so that every run is the same.
class Feeder {
 public:
  Feeder(EventLoop& loop, RuntimeSession& session, int fd, std::string_view input, std::size_t piece)
      : loop_(loop), session_(session), fd_(fd), input_(input), piece_(piece) {}
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;
  ~Feeder() { ::close(fd_); }

  void turn() {
    std::array<char, 65'536> buffer;
    ssize_t n = 0;
    while ((n = ::read(fd_, buffer.data(), buffer.size())) > 0)
      output.append(buffer.data(), static_cast<std::size_t>(n));
    if (!input_.empty()) {
      n = ::send(fd_, input_.data(), std::min(piece_, input_.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) input_.remove_prefix(static_cast<std::size_t>(n));
      if (n < 0 && errno != EAGAIN) input_ = {};  // the server has closed
    } else if (++idle_turns_ == 1) {
      ::shutdown(fd_, SHUT_WR);
    } else if (idle_turns_ == 4) {
      // A poll with further bytes behind it does not see the peer's end; the end of the instance ends it.
      session_.end(FunctionError{"Fuzz.Over", "{}"});
    }
    if (done) {
      loop_.stop();
    } else {
      loop_.post([this] { turn(); });
    }
  }

  std::string output;
  bool done = false;

 private:
  EventLoop& loop_;
  RuntimeSession& session_;
  int fd_;
  std::string_view input_;
  std::size_t piece_;
  int idle_turns_ = 0;
};

Task<void> serve(EventLoop& loop, int fd, RuntimeSession& session, const http::ConnectionOptions& options,
                 Feeder& feeder) {
  const RuntimeApiOptions api;
  http::Connection connection(loop, fd, options);
  co_await serve_runtime_api(connection, session, api);
  feeder.done = true;
}

Task<void> invoke(RuntimeSession& session, const Invocation& event) {
  const InvocationResult result = co_await session.invoke(event);
  (void)result;
}

}  // namespace

void request_head(std::string_view input) {
  http::RequestHead head;
  if (head.parse(input) != 0) return;
  int hosts = 0;
  int framings = 0;
  for (const auto& [name, value] : head.fields()) {
    expect(!name.empty() && name.find_first_of(" \t\r\n:") == std::string_view::npos, "a name that is no token");
    expect(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos, "a value with line ends");
    if (http::same_name(name, "Host")) ++hosts;
    if (http::same_name(name, "Content-Length") || http::same_name(name, "Transfer-Encoding")) ++framings;
  }
  expect(hosts == 1 || (hosts == 0 && head.is_http_1_0()), "not one host");
  expect(framings <= 1, "two framings");
  expect(!head.chunked() || (framings == 1 && head.content_length() == 0 && !head.is_http_1_0()), "chunked and more");
  expect(head.fields().size() <= http::max_fields, "too many fields");
  expect(head.path() == "*" || head.path().starts_with('/'), "a path without a slash");
  expect(head.path().size() + head.query().size() <= http::max_target, "a target that is too long");
  expect(input.find("\r\n\r\n") != std::string_view::npos, "a head without an end");
}

void chunked_decoder(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = static_cast<unsigned char>(input.front()) % 17 + 1;
  input.remove_prefix(1);
  const Decoded whole = decode(input, std::max<std::size_t>(1, input.size()));
  const Decoded pieces = decode(input, piece);
  expect(whole.state == pieces.state, "pieces end in another state");
  if (whole.state == http::ChunkedDecoder::State::bad) return;
  expect(whole.body == pieces.body && whole.consumed == pieces.consumed && whole.trailers == pieces.trailers,
         "pieces are read in another way");
}

void connection(std::string_view input) {
  if (input.empty()) return;
  static constexpr std::array<std::size_t, 4> sizes{65'536, 1, 7, 100};
  const std::size_t piece = sizes[static_cast<unsigned char>(input.front()) % sizes.size()];
  input.remove_prefix(1);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  std::string reported;
  EventLoop loop([&](std::string_view, std::string_view what) { reported = what; });
  RuntimeSession session;
  Invocation event;
  event.request_id = "1";
  event.invocation_id = "2";
  event.payload = "{}";
  session.on_idle([&] { loop.spawn(invoke(session, event), "invocation"); });
  http::ConnectionOptions options = runtime_connection_options();
  options.head_timeout = options.stall_timeout = std::chrono::seconds(5);
  Feeder feeder(loop, session, ends[1], input, piece);
  loop.spawn(serve(loop, ends[0], session, options, feeder), "connection");
  loop.post([&] { feeder.turn(); });
  loop.run();
  session.end(FunctionError{"Fuzz.Over", "{}"});
  expect(reported.empty(), "an exception left a task");
  // The answer to HEAD has a length and no body, which cannot be told apart here.
  if (input.find("HEAD ") == std::string_view::npos) test::split_answers(feeder.output);
}

}  // namespace kiln::fuzz
