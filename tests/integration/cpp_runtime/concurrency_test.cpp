// SPDX-License-Identifier: Apache-2.0
// One loaded function, several threads (AWS_LAMBDA_MAX_CONCURRENCY).
#include <array>
#include <csignal>

#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gate.hpp"

using namespace kiln::test;
using nlohmann::json;

namespace {

constexpr std::size_t count = 4;

struct Threads {
  explicit Threads(const std::string& handler = "misbehave.handler", std::vector<std::string> environment = {})
      : process(options(handler, std::move(environment))) {
    for (std::size_t i = 0; i < count; ++i) {
      loops.push_back(listener.accept());
      loops.back().read();
    }
  }

  void start(std::size_t loop, const json& payload) { loops[loop].send(event(id(loop), payload.dump())); }
  static std::string id(std::size_t loop) { return "id-" + std::to_string(loop); }

  ChildOptions options(const std::string& handler, std::vector<std::string> environment) const {
    environment.push_back("AWS_LAMBDA_RUNTIME_API=" + listener.address());
    environment.push_back("AWS_LAMBDA_MAX_CONCURRENCY=" + std::to_string(count));
    environment.push_back("_HANDLER=" + handler);
    environment.emplace_back("LAMBDA_TASK_ROOT=" KILN_TEST_FUNCTIONS);
    environment.emplace_back("ASAN_OPTIONS=handle_segv=0");
    environment.emplace_back("TSAN_OPTIONS=handle_segv=0");
    return {{KILN_CPP_BOOTSTRAP}, std::move(environment)};
  }

  Listener listener;
  ChildProcess process;
  std::vector<PlatformEnd> loops;
};

}  // namespace

TEST_CASE("Handlers run at the same time, each with its own context and log") {
  const Gate gate;
  Threads threads("misbehave.handler", {"AWS_LAMBDA_LOG_FORMAT=JSON"});
  for (std::size_t i = 0; i < count; ++i) threads.start(i, {{"do", "gate"}, {"path", gate.path()}});
  for (std::size_t i = 0; i < count; ++i) {
    threads.process.wait_for_output(R"("message":"at the gate","requestId":")" + Threads::id(i) + "\"");
  }
  for (std::size_t i = 0; i < count; ++i) gate.open();
  for (std::size_t i = 0; i < count; ++i) {
    const WireRequest post = threads.loops[i].read();
    CHECK(post.path == "/2018-06-01/runtime/invocation/" + Threads::id(i) + "/response");
    CHECK(post.body == json(Threads::id(i)).dump());
  }
}

TEST_CASE("An error, a refusal and a stream that breaks concern their own invocation") {
  Threads threads;
  threads.start(0, {{"do", "throw"}, {"what", "class"}});
  const WireRequest failed = threads.loops[0].read();
  CHECK(json::parse(failed.body)["requestId"] == Threads::id(0));
  threads.loops[0].send(answer(410, "late"));
  CHECK(threads.loops[0].read().method == "GET");
  for (std::size_t i = 0; i < count; ++i) {
    threads.start(i, "still there");
    CHECK(threads.loops[i].read().body == "\"still there\"");
  }
}

TEST_CASE("A crash in one thread ends all of them, as that of a process does") {
  Threads threads;
  threads.start(2, {{"do", "abort"}});
  for (PlatformEnd& loop : threads.loops) CHECK(loop.peer_closes());
  CHECK(threads.process.wait().signal == SIGABRT);
}

TEST_CASE("The loops stream at the same time") {
  const std::array<Gate, count> gates;
  Threads threads("misbehave.stream");
  std::vector<WireRequest> requests;
  for (std::size_t i = 0; i < count; ++i) {
    threads.start(i, {{"write", {"a", Threads::id(i)}}, {"gate", gates.at(i).path()}});
    gates.at(i).open();
    requests.push_back(threads.loops[i].read_head());
    CHECK(threads.loops[i].read_chunk(requests[i]));
  }
  for (std::size_t i = 0; i < count; ++i) {
    gates.at(i).open();
    while (threads.loops[i].read_chunk(requests[i])) {
    }
    CHECK(requests[i].body == "a" + Threads::id(i));
  }
}

TEST_CASE("A function that cannot be loaded is reported once") {
  Listener listener;
  ChildProcess process({{KILN_CPP_BOOTSTRAP},
                        {"AWS_LAMBDA_RUNTIME_API=" + listener.address(), "AWS_LAMBDA_MAX_CONCURRENCY=4",
                         "_HANDLER=nowhere.handler", "LAMBDA_TASK_ROOT=" KILN_TEST_FUNCTIONS}});
  PlatformEnd platform = listener.accept();
  CHECK(platform.read().path == "/2018-06-01/runtime/init/error");
  platform.send(accepted());
  CHECK(process.wait().code == 1);
  CHECK(listener.is_quiet());
}
