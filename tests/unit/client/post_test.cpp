// SPDX-License-Identifier: Apache-2.0
// What is posted, and what becomes of it, over TCP: one request after the other.
#include <future>
#include <string>

#include "runtime-api/client/runtime_api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

/// A client on a TCP connection to a listener of the test's.
struct Wire {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());

  template <typename Call>
  auto async(Call call) {
    return std::async(std::launch::async, [this, call] { return call(client); });
  }
};

const InvocationKey key("the-id", "");

}  // namespace

TEST_CASE("A response carries its bytes, its type and its length") {
  Wire wire;
  auto posted =
      wire.async([](auto& client) { return client.respond(key, {.content_type = "text/plain", .body = "hi"}); });
  PlatformEnd platform = wire.listener.accept();
  const WireRequest request = platform.read();
  CHECK(request.method == "POST");
  CHECK(request.path == "/2018-06-01/runtime/invocation/the-id/response");
  CHECK(request.field("Host") == wire.listener.address());
  CHECK(request.field("Content-Type") == "text/plain");
  CHECK(request.field("Lambda-Runtime-Invocation-Id").empty());
  CHECK(request.body == "hi");
  platform.send(accepted());
  CHECK_FALSE(posted.get().has_value());
}

TEST_CASE("The id of the attempt is echoed where there is one") {
  Wire wire;
  auto posted = wire.async([](auto& client) { return client.respond({"the-id", "attempt"}, {}); });
  PlatformEnd platform = wire.listener.accept();
  CHECK(platform.read().field("Lambda-Runtime-Invocation-Id") == "attempt");
  platform.send(accepted());
  posted.get();
}

TEST_CASE("An error carries its type and its X-Ray cause, and what would break the head is left out") {
  Wire wire;
  auto posted = wire.async([](auto& client) {
    return client.fail(key, {.type = "Bad\r\nX-Evil: 1\xC3\xBC", .body = "{}", .xray_cause = "{\"paths\":[]}\r\n"});
  });
  PlatformEnd platform = wire.listener.accept();
  const WireRequest request = platform.read();
  CHECK(request.path == "/2018-06-01/runtime/invocation/the-id/error");
  CHECK(request.field("Lambda-Runtime-Function-Error-Type") == "BadX-Evil: 1");
  CHECK(request.field("Lambda-Runtime-Function-XRay-Error-Cause") == "{\"paths\":[]}");
  CHECK(request.field("X-Evil").empty());
  platform.send(accepted());
  CHECK_FALSE(posted.get().has_value());
}

TEST_CASE("An init error goes to its own path") {
  Wire wire;
  auto posted = wire.async([](auto& client) { return client.fail_init({"Runtime.ImportModuleError", "{\"a\":1}"}); });
  PlatformEnd platform = wire.listener.accept();
  const WireRequest request = platform.read();
  CHECK(request.path == "/2018-06-01/runtime/init/error");
  CHECK(request.field("Lambda-Runtime-Function-Error-Type") == "Runtime.ImportModuleError");
  CHECK(request.body == "{\"a\":1}");
  platform.send(accepted());
  CHECK_FALSE(posted.get().has_value());
}

TEST_CASE("Every status but 202 is a refusal") {
  const int status = GENERATE(200, 201, 400, 403, 410, 413, 500, 503);
  Wire wire;
  auto posted = wire.async([](auto& client) { return client.respond(key, {}); });
  PlatformEnd platform = wire.listener.accept();
  platform.read();
  platform.send(answer(status, "why"));
  const PostResult result = posted.get();
  REQUIRE(result.has_value());
  CHECK(result->kind == ClientError::Kind::refused);
  CHECK(result->status == status);
  CHECK(result->detail == "why");
}

TEST_CASE("Over TCP the next poll waits for the answer to the post, on the same connection") {
  Wire wire;
  auto both = wire.async([](auto& client) { return client.post_and_next(key, Success{.body = "1"}); });
  PlatformEnd platform = wire.listener.accept();
  CHECK(platform.read().method == "POST");
  CHECK(platform.stays_silent(50));
  platform.send(accepted());
  CHECK(platform.read().method == "GET");
  platform.send(event("2", "{}"));
  auto exchange = both.get();
  CHECK_FALSE(exchange.posted.has_value());
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("A refused post does not hinder the next event") {
  Wire wire;
  auto both = wire.async([](auto& client) { return client.post_and_next(key, Success{}); });
  PlatformEnd platform = wire.listener.accept();
  platform.read();
  platform.send(answer(413, "too large"));
  platform.read();
  platform.send(event("2", "{}"));
  auto exchange = both.get();
  CHECK(exchange.posted->status == 413);
  CHECK(std::get<Invocation>(exchange.next).request_id == "2");
}

TEST_CASE("After Connection: close the next request opens a new connection") {
  Wire wire;
  auto both = wire.async([](auto& client) { return client.post_and_next(key, Success{}); });
  {
    PlatformEnd first = wire.listener.accept();
    first.read();
    first.send("HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(first.peer_closes());
  }
  PlatformEnd second = wire.listener.accept();
  CHECK(second.read().method == "GET");
  second.send(event("2", "{}"));
  CHECK(std::get<Invocation>(both.get().next).request_id == "2");
}

TEST_CASE("A kept connection that turns out dead is opened anew, once") {
  Wire wire;
  auto two = wire.async([](auto& client) {
    auto first = client.respond(key, {.body = "1"});
    auto second = client.respond(key, {.body = "2"});
    return std::pair(first, second);
  });
  {
    PlatformEnd platform = wire.listener.accept();
    platform.read();
    platform.send(accepted());
    // Without a word, as a proxy does after its idle time.
  }
  SECTION("the second connection serves") {
    PlatformEnd platform = wire.listener.accept();
    CHECK(platform.read().body == "2");
    platform.send(accepted());
    const auto [first, second] = two.get();
    CHECK_FALSE(first.has_value());
    CHECK_FALSE(second.has_value());
  }
  SECTION("the second connection closes too") {
    {
      wire.listener.accept().read();
    }
    const auto [first, second] = two.get();
    CHECK_FALSE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(second->kind == ClientError::Kind::peer_closed);
  }
}

TEST_CASE("A platform that refuses a large body before it has read it is heard") {
  Wire wire;
  auto posted = wire.async([](auto& client) { return client.respond(key, {.body = std::string(32'000'000, 'x')}); });
  PlatformEnd platform = wire.listener.accept();
  // Nothing is read, so the client is stuck in its write when the answer comes.
  platform.send(answer(413, "too large"));
  platform.read();
  const PostResult result = posted.get();
  REQUIRE(result.has_value());
  CHECK(result->status == 413);
}
