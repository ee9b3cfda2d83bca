// SPDX-License-Identifier: Apache-2.0
// Restores, and what tells a foreign platform who speaks.
#include <future>
#include <string>

#include "runtime-api/client/runtime_api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Wire {
  Listener listener;
  RuntimeApiClient client = RuntimeApiClient::connect(listener.address());
};

}  // namespace

TEST_CASE("The wait for a restore ends with a 200, and nothing else will do") {
  const int status = GENERATE(200, 202, 404, 500);
  Wire wire;
  auto restored = std::async(std::launch::async, [&] { return wire.client.restore_next(); });
  PlatformEnd platform = wire.listener.accept();
  const WireRequest request = platform.read();
  CHECK(request.method == "GET");
  CHECK(request.path == "/2018-06-01/runtime/restore/next");
  platform.send(answer(status, ""));
  const PostResult result = restored.get();
  CHECK(result.has_value() == (status != 200));
  if (result) CHECK(result->status == status);
}

TEST_CASE("A connection that the snapshot has outlived is opened anew") {
  Wire wire;
  auto restored = std::async(std::launch::async, [&] { return wire.client.restore_next(); });
  {
    PlatformEnd before = wire.listener.accept();
    before.read();
    before.send(answer(200, ""));
    CHECK_FALSE(restored.get().has_value());
  }
  auto next = std::async(std::launch::async, [&] { return wire.client.next(); });
  PlatformEnd platform = wire.listener.accept();
  platform.read();
  platform.send(event("1", "{}"));
  CHECK(std::holds_alternative<Invocation>(next.get()));
}

TEST_CASE("A restore error goes to its own path") {
  Wire wire;
  auto posted = std::async(std::launch::async,
                           [&] { return wire.client.fail_restore({"Runtime.AfterRestoreError", "{\"a\":1}"}); });
  PlatformEnd platform = wire.listener.accept();
  const WireRequest request = platform.read();
  CHECK(request.path == "/2018-06-01/runtime/restore/error");
  CHECK(request.field("Lambda-Runtime-Function-Error-Type") == "Runtime.AfterRestoreError");
  CHECK(request.body == "{\"a\":1}");
  platform.send(accepted());
  CHECK_FALSE(posted.get().has_value());
}

TEST_CASE("A foreign platform is told the runtime's release and features, our own is not") {
  SECTION("over TCP") {
    Wire wire;
    auto next = std::async(std::launch::async, [&] { return wire.client.next(); });
    PlatformEnd platform = wire.listener.accept();
    const WireRequest request = platform.read();
    CHECK_THAT(request.field("User-Agent"), Catch::Matchers::StartsWith("kiln/"));
    CHECK(request.field("Lambda-Runtime-Features") == "response-streaming");
    platform.close();
    next.get();
  }
  SECTION("over an inherited socket") {
    auto [platform, fd] = connected_pair();
    RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
    auto next = std::async(std::launch::async, [&client = client] { return client.next(); });
    CHECK(platform.read().field("User-Agent").empty());
    platform.close();
    next.get();
  }
}
