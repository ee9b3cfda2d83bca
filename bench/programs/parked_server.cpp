// SPDX-License-Identifier: Apache-2.0
// The data plane alone: the real Runtime API server (event loop, framing gate, connections, sessions) with as many
// instances as runtimes connect, and no processes behind them. Invokers' calls go to the instance that was idle most
// recently, as in the pool.
// usage: parked_server        prints "RUNTIME_PORT INVOKE_PORT"; runs until it is ended
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "bench/child.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/http/listener.hpp"
#include "runtime-api/server/runtime_api.hpp"
#include "runtime-api/server/runtime_session.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t largest_payload = 6'291'556;

class ParkedServer {
 public:
  ParkedServer()
      : loop_([](std::string_view where, std::string_view what) {
          std::fprintf(stderr, "parked_server: %s: %s\n", std::string(where).c_str(), std::string(what).c_str());
        }),
        runtimes_(loop_, "127.0.0.1", 0, [this](int fd) { loop_.spawn(serve_runtime(fd), "runtime"); }),
        invokers_(loop_, "127.0.0.1", 0, [this](int fd) { loop_.spawn(serve_invoker(fd), "invoker"); }) {}

  void run() {
    std::printf("%u %u\n", runtimes_.port(), invokers_.port());
    std::fflush(stdout);
    loop_.run();
  }

 private:
  Task<void> serve_runtime(int fd) {
    http::Connection connection(loop_, fd, runtime_options_);
    RuntimeSession session;
    session.on_idle([&] { idle_.push_back(&session); });
    co_await serve_runtime_api(connection, session, api_options_);
    std::erase(idle_, &session);
  }

  Task<void> serve_invoker(int fd) {
    http::Connection connection(loop_, fd, invoker_options_);
    Invocation invocation;
    // Awaited into names, never in a condition or beside a temporary: ADR 0004.
    for (;;) {
      const bool more = co_await connection.next_request();
      if (!more) break;
      const BodyStatus status = co_await connection.read_body(invocation.payload, largest_payload);
      if (status != BodyStatus::complete) break;
      if (connection.request().method_text() == "GET") {
        const std::string idle = std::to_string(idle_.size());
        co_await connection.answer(200, "application/json", idle);
        continue;
      }
      if (idle_.empty()) {
        co_await connection.answer(429, "application/json", "{}");
        continue;
      }
      RuntimeSession& session = *idle_.back();
      idle_.pop_back();
      char id[40];
      std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012llu", ++calls_);
      invocation.request_id = id;
      invocation.deadline = Deadline::after(std::chrono::seconds(3));
      const auto result = co_await session.invoke(invocation);
      // No conditional among the arguments of a co_await: g++ 12 destroys its temporaries twice.
      const auto* const success = std::get_if<Success>(&result);
      const int answer_status = success != nullptr ? 200 : 502;
      const std::string_view body = success != nullptr ? std::string_view(success->body) : "{}";
      co_await connection.answer(answer_status, "application/json", body);
    }
  }

  using BodyStatus = http::BodyStatus;
  const http::ConnectionOptions runtime_options_ = runtime_connection_options();
  const http::ConnectionOptions invoker_options_;
  const RuntimeApiOptions api_options_{.hold_accepted = true};
  EventLoop loop_;
  std::vector<RuntimeSession*> idle_;
  unsigned long long calls_ = 0;
  http::Listener runtimes_;
  http::Listener invokers_;
};

}  // namespace
}  // namespace kiln::bench

int main() {
  try {
    kiln::bench::raise_descriptor_limit();
    kiln::bench::ParkedServer().run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "parked_server: %s\n", error.what());
    return 1;
  }
}
