// SPDX-License-Identifier: Apache-2.0
// Over the inherited socket a response and the next poll are one write, and their answers may be one as well.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <string>

#include "runtime-api/client/runtime_api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

const InvocationKey key("1", "");

struct Pair {
  Pair() : Pair(connected_pair()) {}
  explicit Pair(std::pair<PlatformEnd, int> ends)
      : client(RuntimeApiClient::from_fd(ends.second)), platform(std::move(ends.first)), fd(ends.second) {}

  auto exchange(const InvocationResult& result) {
    return std::async(std::launch::async, [this, result] { return client.post_and_next(key, result); });
  }

  RuntimeApiClient client;
  PlatformEnd platform;
  int fd;
};

}  // namespace

TEST_CASE("The next poll is sent before the post has been answered") {
  Pair pair;
  auto both = pair.exchange(Success{.body = "first"});
  CHECK(pair.platform.read().body == "first");
  CHECK(pair.platform.read().method == "GET");
  pair.platform.send(accepted() + event("2", "{}"));
  auto exchange = both.get();
  CHECK_FALSE(exchange.posted.has_value());
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("Post and poll leave in one write") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  RuntimeApiClient client = RuntimeApiClient::from_fd(fds[1]);
  auto both = std::async(std::launch::async, [&] { return client.post_and_next(key, Success{.body = "first"}); });
  // The first receive returns with the first write, and must find all of it.
  std::array<char, 4096> text{};
  const ssize_t got = ::recv(fds[0], text.data(), text.size(), 0);
  const std::string_view sent(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  CHECK(sent.find("\r\n\r\nfirstGET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n") != std::string_view::npos);
  ::close(fds[0]);
  both.get();
}

TEST_CASE("Answers that come apart, at any byte, are told from each other") {
  const std::string text = accepted() + event("2", "[2]");
  const auto at = GENERATE(range<std::size_t>(1, 150, 7));
  Pair pair;
  auto both = pair.exchange(Success{});
  pair.platform.read();
  pair.platform.read();
  pair.platform.send(std::string_view(text).substr(0, at));
  pair.platform.send(std::string_view(text).substr(std::min(at, text.size())));
  auto exchange = both.get();
  CHECK_FALSE(exchange.posted.has_value());
  CHECK(std::get<Invocation>(exchange.next).payload == "[2]");
}

TEST_CASE("A refused post and the next event arrive together") {
  Pair pair;
  auto both = pair.exchange(FunctionError{"X", "{}"});
  pair.platform.read();
  pair.platform.read();
  pair.platform.send(answer(410, "too late") + event("2", "{}"));
  auto exchange = both.get();
  CHECK(exchange.posted->status == 410);
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("Six megabytes both ways at once do not lock") {
  Pair pair;
  const std::string large(6'291'456, 'x');
  auto both = pair.exchange(Success{.body = large});
  CHECK(pair.platform.read().body == large);
  pair.platform.read();
  pair.platform.send(accepted() + event("2", large));
  CHECK(std::get<Invocation>(both.get().next).payload == large);
}

TEST_CASE("A platform that closes between post and event is noticed") {
  Pair pair;
  auto both = pair.exchange(Success{});
  pair.platform.read();
  pair.platform.read();
  pair.platform.send(accepted());
  pair.platform.close();
  auto exchange = both.get();
  CHECK_FALSE(exchange.posted.has_value());
  CHECK(std::get<ClientError>(exchange.next).kind == ClientError::Kind::peer_closed);
}

TEST_CASE("A platform that is gone before the post fails both") {
  Pair pair;
  pair.platform.close();
  auto exchange = pair.client.post_and_next(key, Success{.body = "x"});
  REQUIRE(exchange.posted.has_value());
  CHECK(exchange.posted->kind == ClientError::Kind::peer_closed);
  CHECK(std::get<ClientError>(exchange.next).kind == ClientError::Kind::peer_closed);
}

TEST_CASE("The inherited socket is not passed on to children") {
  Pair pair;
  CHECK((::fcntl(pair.fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("The peak memory is reported once, and again only when it has grown") {
  Pair pair;
  const auto peak_of_next_post = [&] {
    auto both = pair.exchange(Success{});
    const std::string peak = pair.platform.read().field("Kiln-Max-Rss-Kib");
    pair.platform.read();
    pair.platform.send(accepted() + event("2", "{}"));
    both.get();
    return peak.empty() ? 0L : std::stol(peak);
  };
  const long first = peak_of_next_post();
  CHECK(first > 1'000);
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_SELF, &usage) == 0);
  CHECK(first < 2 * usage.ru_maxrss);  // KiB both; the kernel's two counts are not read at one instant
#ifndef __SANITIZE_ADDRESS__           // which keeps what is freed, so that the process grows with each post
  long again = first;
  for (int i = 0; i < 5; ++i) again = peak_of_next_post();
  CHECK(again == 0);
#endif
  {
    std::string ballast(static_cast<std::size_t>(first) * 1024 + 64'000'000, 'b');
    const long grown = peak_of_next_post();
    CHECK(grown > first + 60'000);
    CHECK(ballast.back() == 'b');
  }
}
