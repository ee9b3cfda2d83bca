// SPDX-License-Identifier: Apache-2.0
// Several invocations at once (AWS_LAMBDA_MAX_CONCURRENCY): threads and processes, seen from the platform.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln::test;

namespace {

constexpr std::size_t count = 3;

enum class Kind { threads, processes };

/// A probe of three loops, each with a connection.
struct Instance {
  explicit Instance(Kind kind, std::vector<std::string> environment = {}) : process(options(kind, environment)) {}

  /// Accepts all connections and reads the first poll of each.
  void accept_polls() {
    for (std::size_t i = 0; i < count; ++i) {
      loops.push_back(listener.accept());
      CHECK(loops.back().read().path == "/2018-06-01/runtime/invocation/next");
    }
  }
  /// One invocation on one connection, up to its post.
  WireRequest call(std::size_t loop, const std::string& payload) {
    loops[loop].send(event("id-" + std::to_string(loop), payload));
    return loops[loop].read();
  }
  void accept_post(std::size_t loop) {
    loops[loop].send(accepted());
    loops[loop].read();
  }
  std::set<std::string> pids() {
    std::set<std::string> found;
    for (std::size_t i = 0; i < count; ++i) {
      found.insert(call(i, "pid").body);
      accept_post(i);
    }
    return found;
  }

  ChildOptions options(Kind kind, std::vector<std::string>& environment) {
    environment.push_back("AWS_LAMBDA_RUNTIME_API=" + listener.address());
    environment.push_back("AWS_LAMBDA_MAX_CONCURRENCY=" + std::to_string(count));
    if (kind == Kind::threads) environment.emplace_back("PROBE_CONCURRENCY=threads");
    return {{KILN_BINARY_DIR "/tests/bootstrap_probe"}, environment};
  }

  Listener listener;
  ChildProcess process;
  std::vector<PlatformEnd> loops;
};

}  // namespace

TEST_CASE("Threads share a process, processes do not; each loop has a connection of its own") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  Instance instance(kind);
  instance.accept_polls();
  CHECK(instance.pids().size() == (kind == Kind::threads ? 1 : count));
}

TEST_CASE("Events run at the same time, and each answer is that of its own event") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  const Gate gate;
  Instance instance(kind, {gate.variable()});
  instance.accept_polls();
  for (std::size_t i = 0; i < count; ++i) instance.loops[i].send(event("id-" + std::to_string(i), "wait"));
  instance.process.wait_for_output("waiting\nwaiting\nwaiting\n");
  for (std::size_t i = 0; i < count; ++i) gate.open();
  for (std::size_t i = 0; i < count; ++i) {
    const WireRequest post = instance.loops[i].read();
    CHECK(post.path == "/2018-06-01/runtime/invocation/id-" + std::to_string(i) + "/response");
    CHECK(post.body == "waited");
  }
}

TEST_CASE("A post that is refused costs neither its loop nor the others") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  const int status = GENERATE(400, 410, 500);
  Instance instance(kind);
  instance.accept_polls();
  instance.call(0, "echo late");
  instance.loops[0].send(answer(status, "no"));
  CHECK(instance.loops[0].read().method == "GET");
  CHECK(instance.call(0, "echo again").body == "again");
  CHECK(instance.call(1, "echo neighbour").body == "neighbour");
}

TEST_CASE("No thread's trace id is in the environment that all of them share; each process has its own") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  Instance instance(kind, {"_X_AMZN_TRACE_ID=stale"});
  instance.accept_polls();
  instance.loops[1].send(event("id", "env _X_AMZN_TRACE_ID", "Lambda-Runtime-Trace-Id: Root=1\r\n"));
  CHECK(instance.loops[1].read().body == (kind == Kind::threads ? "(unset)" : "Root=1"));
}

TEST_CASE("SIGTERM lets the running events be answered and ends the idle loops", "[signal]") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  const Gate gate;
  Instance instance(kind, {gate.variable()});
  instance.accept_polls();
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.process.signal(SIGTERM);
  CHECK(instance.loops[0].peer_closes());
  CHECK(instance.loops[2].peer_closes());
  instance.loops[0].close();
  instance.loops[2].close();
  gate.open();
  CHECK(instance.loops[1].read().body == "waited");
  instance.loops[1].send(accepted());
  CHECK(instance.loops[1].peer_closes());
  instance.loops[1].close();
  CHECK(instance.process.wait().code == 0);
}

TEST_CASE("SIGTERM to the whole group is not a second one to its processes", "[signal]") {
  const Gate gate;
  Instance instance(Kind::processes, {gate.variable()});
  instance.accept_polls();
  const std::string busy = instance.call(1, "pid").body;
  instance.accept_post(1);
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  ::kill(std::stoi(busy), SIGTERM);
  instance.process.signal(SIGTERM);
  // The parent has passed it on once the idle ones are gone.
  CHECK(instance.loops[0].peer_closes());
  gate.open();
  CHECK(instance.loops[1].read().body == "waited");
  instance.loops.clear();
  CHECK(instance.process.wait().code == 0);
}

TEST_CASE("A platform that refuses one loop's poll ends the instance, after what runs has been answered", "[signal]") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  const Gate gate;
  Instance instance(kind, {gate.variable()});
  instance.accept_polls();
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.loops[0].send(answer(500, "broken"));
  CHECK(instance.loops[2].peer_closes());
  gate.open();
  CHECK(instance.loops[1].read().body == "waited");
  instance.loops.clear();
  CHECK(instance.process.wait().code == 76);
}

TEST_CASE("A load error is posted once") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  Instance instance(kind, {"_HANDLER=bad"});
  PlatformEnd only = instance.listener.accept();
  CHECK(only.read().path == "/2018-06-01/runtime/init/error");
  only.send(accepted());
  CHECK(instance.process.wait().code == 1);
  CHECK(instance.listener.is_quiet());
}

TEST_CASE("The death of one process is the end of the instance, as the dead one ended; the others may answer",
          "[signal]") {
  const Gate gate;
  Instance instance(Kind::processes, {gate.variable()});
  instance.accept_polls();
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  SECTION("by exit") {
    instance.loops[0].send(event("dying", "exit 42"));
    CHECK(instance.loops[0].peer_closes());
    CHECK(instance.loops[2].peer_closes());
    gate.open();
    CHECK(instance.loops[1].read().body == "waited");
    instance.loops.clear();
    CHECK(instance.process.wait().code == 42);
  }
  SECTION("by a signal") {
    instance.loops[0].send(event("dying", "abort"));
    CHECK(instance.loops[0].peer_closes());
    gate.open();
    CHECK(instance.loops[1].read().body == "waited");
    instance.loops.clear();
    CHECK(instance.process.wait().signal == SIGABRT);
  }
  SECTION("and one that does not end is not waited for longer than a stop may take") {
    instance.loops[0].send(event("dying", "exit 42"));
    CHECK(instance.loops[1].peer_closes());
    CHECK(instance.process.wait().code == 42);
  }
}

TEST_CASE("No process outlives its parent") {
  Instance instance(Kind::processes);
  instance.accept_polls();
  instance.process.signal(SIGKILL);
  for (PlatformEnd& loop : instance.loops) CHECK(loop.peer_closes());
}

TEST_CASE("A second SIGTERM ends processes that do not", "[signal]") {
  const Gate gate;
  Instance instance(Kind::processes, {gate.variable()});
  instance.accept_polls();
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.process.signal(SIGTERM);
  CHECK(instance.loops[0].peer_closes());
  instance.process.signal(SIGTERM);
  CHECK(instance.process.wait().signal == SIGKILL);
}

namespace {

/// Three sockets that the probe inherits under the numbers 100 to 102.
struct InheritingInstance {
  explicit InheritingInstance(Kind kind, std::vector<std::string> environment = {})
      : process(options(kind, environment)) {}

  ChildOptions options(Kind kind, std::vector<std::string>& environment) {
    constexpr int first = 100;
    ChildOptions made{{KILN_BINARY_DIR "/tests/bootstrap_probe"}, {}};
    for (int i = 0; i < static_cast<int>(count); ++i) {
      auto [platform, fd] = connected_pair();
      loops.push_back(std::move(platform));
      REQUIRE(::dup3(fd, first + i, O_CLOEXEC) == first + i);
      ::close(fd);
      made.more_inherited_fds.push_back(first + i);
    }
    environment.emplace_back("KILN_RUNTIME_API_FD=100-102");
    environment.emplace_back("AWS_LAMBDA_MAX_CONCURRENCY=3");
    if (kind == Kind::threads) environment.emplace_back("PROBE_CONCURRENCY=threads");
    made.environment = environment;
    return made;
  }

  std::vector<PlatformEnd> loops;
  ChildProcess process;
};

}  // namespace

TEST_CASE("Each of several inherited sockets has a loop of its own") {
  const Kind kind = GENERATE(Kind::threads, Kind::processes);
  InheritingInstance instance(kind);
  std::set<std::string> pids;
  for (PlatformEnd& loop : instance.loops) {
    CHECK(loop.read().method == "GET");
    loop.send(event("id", "pid"));
    pids.insert(loop.read().body);
    // The next poll came in the same write; the 202 has not been sent yet.
    CHECK(loop.read().method == "GET");
  }
  CHECK(pids.size() == (kind == Kind::threads ? 1 : count));
}

TEST_CASE("An inherited socket is held by its own process alone", "[signal]") {
  const Gate gate;
  InheritingInstance instance(Kind::processes, {gate.variable()});
  for (PlatformEnd& loop : instance.loops) loop.read();
  instance.loops[1].send(event("busy", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.loops[2].send(event("dying", "exit 42"));
  CHECK(instance.loops[2].peer_closes());
  CHECK(instance.loops[0].peer_closes());
  gate.open();
  CHECK(instance.loops[1].read().body == "waited");
  instance.loops.clear();
  CHECK(instance.process.wait().code == 42);
}

TEST_CASE("An inherited socket is one connection, whatever the concurrency") {
  auto [platform, fd] = connected_pair();
  ChildProcess process({{KILN_BINARY_DIR "/tests/bootstrap_probe"},
                        {"KILN_RUNTIME_API_FD=" + std::to_string(fd), "AWS_LAMBDA_MAX_CONCURRENCY=4"},
                        fd});
  platform.read();
  platform.send(event("id", "echo one"));
  CHECK(platform.read().body == "one");
}
