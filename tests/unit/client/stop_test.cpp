// SPDX-License-Identifier: Apache-2.0
// A stop request ends the wait for an event at any moment, and nothing else.
#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "runtime-api/client/runtime_api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

#include <pthread.h>
#include <csignal>

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

std::atomic<RuntimeApiClient*> stopped_by_signal{nullptr};

/// As the bootstrap does it: the signal interrupts the thread that waits.
void stop_by_signal(RuntimeApiClient& client, std::thread& waiting) {
  stopped_by_signal = &client;
  struct sigaction action{};
  action.sa_handler = [](int) { stopped_by_signal.load()->request_stop(); };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
  ::pthread_kill(waiting.native_handle(), SIGUSR1);
}

bool is_stopped(const NextResult& result) {
  const auto* error = std::get_if<ClientError>(&result);
  return error != nullptr && error->kind == ClientError::Kind::stopped;
}

}  // namespace

TEST_CASE("A stop request wakes a poll at whichever instant it comes", "[signal]") {
  for (int round = 0; round < 200; ++round) {
    auto [platform, fd] = connected_pair();
    RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
    std::atomic<bool> ended = false;
    bool stopped = false;
    std::thread waiting([&] {
      stopped = is_stopped(client.next());
      ended = true;
    });
    // The poll has been sent; the wait begins now, or has, or will in a moment.
    platform.read();
    for (int spin = 0; spin < round * 20; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    stop_by_signal(client, waiting);
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!ended && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (!ended) platform.close();
    waiting.join();
    REQUIRE(stopped);
  }
}

TEST_CASE("A poll that begins after the stop request does not wait") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  client.request_stop();
  CHECK(is_stopped(client.next()));
}

TEST_CASE("An event that has arrived is taken, stop request or not") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  platform.send(event("1", "{}"));
  client.request_stop();
  const NextResult result = client.next();
  REQUIRE(std::holds_alternative<Invocation>(result));
  CHECK(is_stopped(client.next()));
}

TEST_CASE("An event whose first byte has arrived is read to its end") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  const std::string text = event("1", "{\"whole\":true}");
  platform.send(text.substr(0, 20));
  client.request_stop();
  auto next = std::async(std::launch::async, [&client = client] { return client.next(); });
  platform.read();
  platform.send(text.substr(20));
  const NextResult result = next.get();
  REQUIRE(std::holds_alternative<Invocation>(result));
  CHECK(std::get<Invocation>(result).payload == "{\"whole\":true}");
}

TEST_CASE("The last post waits for its answer, but not for ever") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  client.request_stop();
  SECTION("answered") {
    auto last = std::async(std::launch::async,
                           [&client = client] { return client.post_last({"1", ""}, Success{.body = "bye"}, 5s); });
    CHECK(platform.read().body == "bye");
    platform.send(accepted());
    CHECK_FALSE(last.get().has_value());
  }
  SECTION("held back") {
    const PostResult result = client.post_last({"1", ""}, Success{.body = "bye"}, 20ms);
    REQUIRE(result.has_value());
    CHECK(result->kind == ClientError::Kind::peer_closed);
    CHECK(platform.read().body == "bye");
  }
}

TEST_CASE("Leaving waits until the platform has closed too") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  auto left = std::async(std::launch::async, [&client = client] {
    client.leave(5s);
    return true;
  });
  CHECK(platform.peer_closes());
  CHECK(left.wait_for(20ms) == std::future_status::timeout);
  platform.close();
  CHECK(left.get());
}
