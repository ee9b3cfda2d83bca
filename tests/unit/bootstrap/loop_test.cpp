// SPDX-License-Identifier: Apache-2.0
// The loop against a scripted platform, in one process.
#include "bootstrap/loop.hpp"

#include <future>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

/// Answers each event with itself, and remembers them.
class Recorder : public Runtime {
 public:
  std::optional<FunctionError> load(const FunctionEnvironment&) override { return std::nullopt; }
  InvocationResult invoke(const Invocation& invocation, ResponseSink&) override {
    seen.push_back(invocation.request_id);
    if (invocation.payload == "fail") return FunctionError{"Bad", "{\"errorType\":\"Bad\"}"};
    return Success{.body = invocation.payload};
  }

  std::vector<std::string> seen;
};

struct Loop {
  explicit Loop(bool inherited = true) : Loop(connected_pair(), inherited) {}
  Loop(std::pair<PlatformEnd, int> ends, bool inherited)
      : client(RuntimeApiClient::from_fd(ends.second)), platform(std::move(ends.first)) {
    code = std::async(std::launch::async,
                      [this, inherited] { return run_loop(client, runtime, {.inherited = inherited}); });
  }

  Recorder runtime;
  RuntimeApiClient client;
  PlatformEnd platform;
  std::future<ExitCode> code;
};

}  // namespace

TEST_CASE("Events are answered in their order, each by its id") {
  Loop loop;
  CHECK(loop.platform.read().method == "GET");
  loop.platform.send(event("a", "1"));
  WireRequest post = loop.platform.read();
  CHECK(post.path == "/2018-06-01/runtime/invocation/a/response");
  CHECK(post.body == "1");
  CHECK(loop.platform.read().method == "GET");
  loop.platform.send(accepted() + event("b", "fail", "Lambda-Runtime-Invocation-Id: attempt\r\n"));
  post = loop.platform.read();
  CHECK(post.path == "/2018-06-01/runtime/invocation/b/error");
  CHECK(post.field("Lambda-Runtime-Function-Error-Type") == "Bad");
  CHECK(post.field("Lambda-Runtime-Invocation-Id") == "attempt");
  CHECK(post.body == "{\"errorType\":\"Bad\"}");
  loop.platform.close();
  CHECK(loop.code.get() == ExitCode::ended);
  CHECK(loop.runtime.seen == std::vector<std::string>{"a", "b"});
}

TEST_CASE("A refused post costs one invocation, not the instance") {
  const int status = GENERATE(400, 403, 410, 413, 500);
  Loop loop;
  loop.platform.read();
  loop.platform.send(event("a", "1"));
  loop.platform.read();
  loop.platform.read();
  loop.platform.send(answer(status, "no") + event("b", "2"));
  CHECK(loop.platform.read().body == "2");
  loop.platform.close();
  CHECK(loop.code.get() == ExitCode::ended);
}

TEST_CASE("A refused poll and a babbling platform end the instance with their code") {
  const std::string reply = GENERATE(as<std::string>{}, answer(500, "x"), answer(403, "x"), "what?\r\n\r\n");
  Loop loop;
  loop.platform.read();
  loop.platform.send(reply);
  CHECK(loop.code.get() == ExitCode::platform_refused);
}

TEST_CASE("A platform that closes ends an inherited instance in order, and is a loss to any other") {
  const bool inherited = GENERATE(true, false);
  Loop loop(inherited);
  loop.platform.read();
  loop.platform.close();
  CHECK(loop.code.get() == (inherited ? ExitCode::ended : ExitCode::platform_lost));
}

TEST_CASE("A stop request while an event runs lets it be answered, without another poll") {
  auto [platform, fd] = connected_pair();
  RuntimeApiClient client = RuntimeApiClient::from_fd(fd);
  class Stopping : public Recorder {
   public:
    explicit Stopping(RuntimeApiClient& client) : client_(client) {}
    InvocationResult invoke(const Invocation& invocation, ResponseSink& response) override {
      client_.request_stop();
      return Recorder::invoke(invocation, response);
    }

   private:
    RuntimeApiClient& client_;
  } runtime(client);
  auto code = std::async(std::launch::async,
                         [&, &loop_client = client] { return run_loop(loop_client, runtime, {.inherited = true}); });
  platform.read();
  platform.send(event("a", "last"));
  CHECK(platform.read().body == "last");
  platform.send(accepted());
  CHECK(platform.peer_closes());
  platform.close();
  CHECK(code.get() == ExitCode::ended);
}
