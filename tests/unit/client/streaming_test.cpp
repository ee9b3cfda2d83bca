// SPDX-License-Identifier: Apache-2.0
// Responses that are sent while they are made: the bytes, and every way in which they can break off.
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "runtime-api/client/runtime_api_client.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

const InvocationKey key("the-id", "attempt");

/// The client on an inherited socket; what it does runs on a thread of its own.
struct Pair {
  Pair() : Pair(connected_pair()) {}
  explicit Pair(std::pair<PlatformEnd, int> ends)
      : client(RuntimeApiClient::from_fd(ends.second)), platform(std::move(ends.first)), fd(ends.second) {}

  template <typename Call>
  auto async(Call call) {
    return std::async(std::launch::async, [this, call = std::move(call)] { return call(client); });
  }

  RuntimeApiClient client;
  PlatformEnd platform;
  int fd;
};

/// Writes 64 KiB pieces until the client says why it takes no more.
ClientError write_until_refused(RuntimeApiClient& client) {
  const std::string piece(65'536, 'p');
  while (true) {
    if (auto error = client.write_stream(piece)) return *std::move(error);
  }
}

}  // namespace

TEST_CASE("A stream is one post with a chunk for each write") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    client.write_stream("hello");
    client.write_stream("");
    client.write_stream(std::string(300, 'x'));
    return client.post_and_next(key, Success{});
  });
  WireRequest request = pair.platform.read_head();
  CHECK(request.method == "POST");
  CHECK(request.path == "/2018-06-01/runtime/invocation/the-id/response");
  CHECK(request.field("Lambda-Runtime-Invocation-Id") == "attempt");
  CHECK(request.field("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(request.field("Transfer-Encoding") == "chunked");
  CHECK(request.field("Content-Length").empty());
  CHECK(request.field("Content-Type") == "text/plain");
  CHECK(request.field("Trailer") == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body");
  CHECK(pair.platform.read_chunk(request));
  CHECK(request.body == "hello");
  CHECK(pair.platform.read_chunk(request));
  CHECK(request.body == "hello" + std::string(300, 'x'));
  CHECK_FALSE(pair.platform.read_chunk(request));
  CHECK(request.trailers.empty());
  CHECK(pair.platform.read().method == "GET");
  pair.platform.send(accepted() + event("2", "{}"));
  auto exchange = both.get();
  CHECK_FALSE(exchange.posted.has_value());
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("Each write leaves at once, and in one piece") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  RuntimeApiClient client = RuntimeApiClient::from_fd(fds[1]);
  const PlatformEnd closes(fds[0]);
  const auto received = [&] {
    std::array<char, 4096> text{};
    const ssize_t got = ::recv(fds[0], text.data(), text.size(), MSG_DONTWAIT);
    return std::string(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  };
  client.begin_stream(key, "text/plain");
  CHECK(received().empty());
  client.write_stream("hello");
  CHECK_THAT(received(), Catch::Matchers::EndsWith("\r\n\r\n5\r\nhello\r\n"));
  client.write_stream("there");
  CHECK(received() == "5\r\nthere\r\n");
  auto both = std::async(std::launch::async, [&] { return client.post_and_next(key, Success{}); });
  // The first receive returns with the first write, and must find all of it.
  std::array<char, 4096> text{};
  const ssize_t got = ::recv(fds[0], text.data(), text.size(), 0);
  CHECK_THAT(std::string(text.data(), static_cast<std::size_t>(got)),
             Catch::Matchers::StartsWith("0\r\n\r\nGET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"));
  ::shutdown(fds[0], SHUT_RDWR);
  both.get();
}

TEST_CASE("A stream in which nothing was written is an empty one") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    return client.post_and_next(key, Success{});
  });
  const WireRequest request = pair.platform.read();
  CHECK(request.field("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(request.body.empty());
  pair.platform.close();
  both.get();
}

TEST_CASE("An error in the middle is in the trailers") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    client.write_stream("half");
    return client.post_and_next(key, FunctionError{"My\r\nError", R"({"errorMessage":"why"})"});
  });
  const WireRequest request = pair.platform.read();
  CHECK(request.body == "half");
  CHECK(request.trailer("Lambda-Runtime-Function-Error-Type") == "MyError");
  CHECK(base64_decode(request.trailer("Lambda-Runtime-Function-Error-Body")) == R"({"errorMessage":"why"})");
  CHECK(pair.platform.read().method == "GET");
  pair.platform.send(accepted() + event("2", "{}"));
  CHECK_FALSE(both.get().posted.has_value());
}

TEST_CASE("An error that is too long for a trailer is named there all the same") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    client.write_stream("half");
    return client.post_and_next(key, FunctionError{"MyError", std::string(50'000, 'e')});
  });
  const WireRequest request = pair.platform.read();
  const auto body = base64_decode(request.trailer("Lambda-Runtime-Function-Error-Body"));
  REQUIRE(body.has_value());
  CHECK(body->find(R"("errorType":"MyError")") != std::string::npos);
  CHECK(body->find("50000 bytes") != std::string::npos);
  pair.platform.close();
  both.get();
}

TEST_CASE("An error before the first write is posted like any other") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    return client.post_and_next(key, FunctionError{"MyError", "{}"});
  });
  const WireRequest request = pair.platform.read();
  CHECK(request.path == "/2018-06-01/runtime/invocation/the-id/error");
  CHECK(request.body == "{}");
  pair.platform.close();
  both.get();
}

TEST_CASE("Sixteen megabytes are one chunk, and a platform that is slow is waited for") {
  Pair pair;
  const std::string large(16'777'216, 'x');
  auto both = pair.async([&](auto& client) {
    client.begin_stream(key, "text/plain");
    client.write_stream(large);
    return client.post_and_next(key, Success{});
  });
  WireRequest request = pair.platform.read_head();
  CHECK(both.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  CHECK(pair.platform.read_chunk(request));
  CHECK(request.body == large);
  pair.platform.close();
  both.get();
}

TEST_CASE("A platform that answers before the end is heard, and the conversation goes on") {
  const bool reads_on = GENERATE(true, false);
  Pair pair;
  auto refused = std::make_shared<std::promise<ClientError>>();
  std::optional<ClientError> again;  // Catch takes checks from one thread only
  auto both = pair.async([refused, &again](auto& client) {
    client.begin_stream(key, "text/plain");
    refused->set_value(write_until_refused(client));
    // Said once more, and nothing sent.
    again = client.write_stream("more");
    return client.post_and_next(key, FunctionError{"Gone", "{}"});
  });
  WireRequest request = pair.platform.read_head();
  if (reads_on) pair.platform.read_chunk(request);
  pair.platform.send(answer(413, "too large"));
  while (pair.platform.read_chunk(request)) {
  }
  CHECK(request.trailers.empty());
  const ClientError error = refused->get_future().get();
  CHECK(error.kind == ClientError::Kind::refused);
  CHECK(error.detail == "too large");
  CHECK(pair.platform.read().method == "GET");
  pair.platform.send(event("2", "{}"));
  auto exchange = both.get();
  REQUIRE(again);
  CHECK(again->status == 413);
  CHECK(exchange.posted->status == 413);
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("A platform that answers and reads nothing more is not waited for for ever") {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());
  std::optional<ClientError> refused;
  auto both = std::async(std::launch::async, [&] {
    client.begin_stream(key, "text/plain");
    refused = client.write_stream(std::string(32'000'000, 'x'));
    return client.post_and_next(key, Success{});
  });
  PlatformEnd first = listener.accept();
  first.read_head();
  first.send(answer(410, "late"));
  // In the middle of a chunk there is no way on but another connection.
  PlatformEnd second = listener.accept();
  CHECK(second.read().method == "GET");
  second.send(event("2", "{}"));
  auto exchange = both.get();
  REQUIRE(refused);
  CHECK(refused->status == 410);
  CHECK(exchange.posted->status == 410);
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("A platform that closes in the middle costs the stream; over TCP the next poll connects anew") {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());
  ClientError refused;
  auto both = std::async(std::launch::async, [&] {
    client.begin_stream(key, "text/plain");
    refused = write_until_refused(client);
    return client.post_and_next(key, Success{});
  });
  {
    PlatformEnd first = listener.accept();
    WireRequest request = first.read_head();
    first.read_chunk(request);
  }
  PlatformEnd second = listener.accept();
  CHECK(second.read().method == "GET");
  second.send(event("2", "{}"));
  auto exchange = both.get();
  CHECK(refused.kind == ClientError::Kind::peer_closed);
  CHECK(exchange.posted->kind == ClientError::Kind::peer_closed);
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("A platform that says why before it closes is quoted") {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());
  ClientError refused;
  auto both = std::async(std::launch::async, [&] {
    client.begin_stream(key, "text/plain");
    refused = write_until_refused(client);
    return client.post_and_next(key, Success{});
  });
  {
    PlatformEnd first = listener.accept();
    WireRequest request = first.read_head();
    first.read_chunk(request);
    first.send("HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    // Until the client has noticed: a close with unread bytes would take the answer back.
    CHECK_THROWS(first.read());
  }
  PlatformEnd second = listener.accept();
  second.read();
  second.send(event("2", "{}"));
  CHECK(both.get().posted->status == 403);
  CHECK(refused.status == 403);
}

TEST_CASE("A kept connection that has died in the meantime is opened anew before a stream begins") {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());
  auto first_post = std::async(std::launch::async, [&] { return client.respond(key, {}); });
  {
    PlatformEnd first = listener.accept();
    first.read();
    first.send(accepted());
    first_post.get();
  }
  auto stream = std::async(std::launch::async, [&] {
    client.begin_stream(key, "text/plain");
    client.write_stream("hello");
    return client.post(key, Success{});
  });
  PlatformEnd second = listener.accept();
  CHECK(second.read().body == "hello");
  second.send(accepted());
  CHECK_FALSE(stream.get().has_value());
}

TEST_CASE("A stop request does not disturb a stream") {
  Pair pair;
  auto last = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    client.request_stop();
    client.write_stream(std::string(8'000'000, 'x'));
    return client.post_last(key, Success{}, std::chrono::seconds(5));
  });
  CHECK(pair.platform.read().body.size() == 8'000'000);
  pair.platform.send(accepted());
  CHECK_FALSE(last.get().has_value());
}

TEST_CASE("The platform's end of an inherited socket that closes within a stream ends both") {
  Pair pair;
  auto both = pair.async([](auto& client) {
    client.begin_stream(key, "text/plain");
    write_until_refused(client);
    return client.post_and_next(key, Success{});
  });
  pair.platform.read_head();
  pair.platform.close();
  CHECK(std::get<ClientError>(both.get().next).kind == ClientError::Kind::peer_closed);
}
