// SPDX-License-Identifier: Apache-2.0
// The bootstrap as a process: signals, environment, exit codes.
#include <csignal>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln::test;

namespace {

const std::string probe = KILN_BINARY_DIR "/tests/bootstrap_probe";

/// A probe on an inherited socket.
struct Instance {
  explicit Instance(std::vector<std::string> environment = {}) : Instance(connected_pair(), std::move(environment)) {}
  Instance(std::pair<PlatformEnd, int> ends, std::vector<std::string> environment)
      : platform(std::move(ends.first)), process(options(ends.second, std::move(environment))) {}

  /// Plays one invocation; the answer's body.
  std::string call(const std::string& payload, const std::string& more = {}) {
    platform.read();
    platform.send((first_ ? "" : accepted()) + event("id", payload, more));
    first_ = false;
    return platform.read().body;
  }

  static ChildOptions options(int fd, std::vector<std::string> environment) {
    environment.push_back("KILN_RUNTIME_API_FD=" + std::to_string(fd));
    return {{probe}, std::move(environment), fd};
  }

  PlatformEnd platform;
  ChildProcess process;

 private:
  bool first_ = true;
};

}  // namespace

TEST_CASE("Without a Runtime API the bootstrap names the way out") {
  ChildProcess process({.arguments = {probe}, .environment = {}});
  CHECK(process.wait().code == 78);
  const std::string text = process.output();
  CHECK(text.find("AWS_LAMBDA_RUNTIME_API") != std::string::npos);
  CHECK(text.find("kiln invoke") != std::string::npos);
}

TEST_CASE("An address where nobody listens is named on stderr") {
  ChildProcess process({.arguments = {probe}, .environment = {"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}});
  CHECK(process.wait().code == 69);
  CHECK(process.output().find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("A load error is posted, and the exit code says so") {
  Instance instance({"_HANDLER=bad"});
  const WireRequest post = instance.platform.read();
  CHECK(post.path == "/2018-06-01/runtime/init/error");
  CHECK(post.field("Lambda-Runtime-Function-Error-Type") == "Runtime.ImportModuleError");
  instance.platform.send(accepted());
  CHECK(instance.process.wait().code == 1);
  CHECK(instance.process.output() == "shutdown\n");
}

TEST_CASE("A load error that cannot be posted still ends the process, and is said") {
  Instance instance({"_HANDLER=bad"});
  instance.platform.read();
  instance.platform.send(answer(403, "InvalidStateTransition"));
  CHECK(instance.process.wait().code == 1);
  CHECK(instance.process.output().find("InvalidStateTransition") != std::string::npos);
}

TEST_CASE("SIGTERM ends an idle instance in order", "[signal]") {
  Instance instance;
  instance.platform.read();
  instance.process.signal(SIGTERM);
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
  CHECK(instance.process.output() == "shutdown\n");
}

TEST_CASE("SIGTERM ends an instance that has answered and waits for the next event", "[signal]") {
  Instance instance;
  CHECK(instance.call("echo 1") == "1");
  instance.platform.read();
  // The answer to the post is held back, as kiln's server does until there is an event.
  instance.process.signal(SIGTERM);
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
}

TEST_CASE("SIGTERM while the handler runs: it is not interrupted, its answer is posted, and no event is asked for") {
  const Gate gate;
  Instance instance({gate.variable()});
  instance.platform.read();
  instance.platform.send(event("id", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.process.signal(SIGTERM);
  gate.open();
  CHECK(instance.platform.read().body == "waited");
  instance.platform.send(accepted());
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
  CHECK(instance.process.output() == "waiting\nshutdown\n");
}

TEST_CASE("A second SIGTERM ends a handler that does not") {
  const Gate gate;
  Instance instance({gate.variable()});
  instance.platform.read();
  instance.platform.send(event("id", "wait"));
  instance.process.wait_for_output("waiting\n");
  instance.process.signal(SIGTERM);
  // Sent until one arrives as the second: two of them pending at once are one.
  while (::kill(instance.process.pid(), SIGTERM) == 0) {
    if (instance.process.has_ended()) break;
  }
  CHECK(instance.process.wait().signal == SIGTERM);
}

TEST_CASE("SIGTERM while the function loads has its default effect") {
  const Gate gate;
  Instance instance({gate.variable(), "_HANDLER=slow"});
  instance.process.wait_for_output("loading\n");
  instance.process.signal(SIGTERM);
  CHECK(instance.process.wait().signal == SIGTERM);
}

TEST_CASE("SIGTERM within a stream lets it end") {
  const Gate gate;
  Instance instance({gate.variable()});
  instance.platform.read();
  instance.platform.send(event("id", "stream half"));
  WireRequest request = instance.platform.read_head();
  CHECK(instance.platform.read_chunk(request));
  instance.process.wait_for_output("streaming\n");
  instance.process.signal(SIGTERM);
  gate.open();
  while (instance.platform.read_chunk(request)) {
  }
  CHECK(request.body == "halfhalf");
  instance.platform.send(accepted());
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
}

TEST_CASE("A snapshot is taken between the hooks, and a hook that fails has its exit code") {
  struct Case {
    std::string handler, path, type;
    int code;
  };
  SECTION("none fails") {
    Instance instance({"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"});
    CHECK(instance.platform.read().path == "/2018-06-01/runtime/restore/next");
    CHECK(instance.process.output() == "before\n");
    instance.platform.send(answer(200, ""));
    CHECK(instance.platform.read().path == "/2018-06-01/runtime/invocation/next");
    CHECK(instance.process.output() == "before\nafter\n");
  }
  SECTION("one fails") {
    const auto expected = GENERATE(Case{"before", "/2018-06-01/runtime/init/error", "Runtime.BeforeSnapshotError", 64},
                                   Case{"after", "/2018-06-01/runtime/restore/error", "Runtime.AfterRestoreError", 65});
    Instance instance({"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "_HANDLER=" + expected.handler});
    if (expected.handler == "after") {
      instance.platform.read();
      instance.platform.send(answer(200, ""));
    }
    const WireRequest post = instance.platform.read();
    CHECK(post.path == expected.path);
    CHECK(post.field("Lambda-Runtime-Function-Error-Type") == expected.type);
    CHECK(post.body == R"({"errorType":"Mine"})");
    instance.platform.send(accepted());
    CHECK(instance.process.wait().code == expected.code);
  }
  SECTION("the platform knows of no snapshots") {
    Instance instance({"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"});
    instance.platform.read();
    instance.platform.send(answer(404, "404 page not found\n"));
    CHECK(instance.process.wait().code == 76);
    CHECK(instance.process.output().find("404 page not found") != std::string::npos);
  }
}

TEST_CASE("A platform that is no Runtime API ends the process with a code and a word") {
  struct Case {
    std::string reply;
    int code;
    std::string word;
  };
  const auto expected = GENERATE(
      Case{"HTTP/1.1 204 No Content\r\n\r\n", 76, "204"}, Case{answer(503, "later"), 76, "later"},
      Case{answer(404, "404 page not found\n"), 76, "404"}, Case{"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", 76, "SSH-2.0"},
      Case{answer(200, "{}"), 76, "Lambda-Runtime-Aws-Request-Id"});
  Listener listener;
  ChildProcess process({.arguments = {probe}, .environment = {"AWS_LAMBDA_RUNTIME_API=" + listener.address()}});
  PlatformEnd platform = listener.accept();
  platform.read();
  platform.send(expected.reply);
  CHECK(process.wait().code == expected.code);
  CHECK(process.output().find(expected.word) != std::string::npos);
}

TEST_CASE("A SIGTERM handler of the function's own is called too", "[signal]") {
  Instance instance({"_HANDLER=own"});
  instance.platform.read();
  instance.process.signal(SIGTERM);
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
  CHECK(instance.process.output() == "own handler\nshutdown\n");
}

TEST_CASE("A handler that crashes takes the process with it, unanswered") {
  Instance instance;
  SECTION("abort") {
    instance.platform.read();
    instance.platform.send(event("id", "abort"));
    CHECK(instance.platform.peer_closes());
    CHECK(instance.process.wait().signal == SIGABRT);
  }
  SECTION("exit") {
    instance.platform.read();
    instance.platform.send(event("id", "exit 42"));
    CHECK(instance.platform.peer_closes());
    CHECK(instance.process.wait().code == 42);
  }
}

TEST_CASE("The trace id is in the environment while its invocation runs") {
  Instance instance({"_X_AMZN_TRACE_ID=stale"});
  CHECK(instance.call("env _X_AMZN_TRACE_ID", "Lambda-Runtime-Trace-Id: Root=1\r\n") == "Root=1");
  CHECK(instance.call("env _X_AMZN_TRACE_ID", "Lambda-Runtime-Trace-Id: Root=2\r\n") == "Root=2");
  CHECK(instance.call("env _X_AMZN_TRACE_ID") == "(unset)");
}

TEST_CASE("Neither the socket nor its number reaches a child of the function") {
  Instance instance;
  CHECK(instance.call("children").empty());
  CHECK(instance.call("env KILN_RUNTIME_API_FD") == "(unset)");
}

TEST_CASE("Over TCP the same bootstrap serves any Runtime API, and notices its end") {
  Listener listener;
  ChildProcess process({.arguments = {probe}, .environment = {"AWS_LAMBDA_RUNTIME_API=" + listener.address()}});
  {
    PlatformEnd platform = listener.accept();
    platform.read();
    platform.send(event("id", "echo hello"));
    CHECK(platform.read().body == "hello");
    platform.send(accepted());
    platform.read();
  }
  // Closed without a word: one more try, in case it was only the connection that died.
  {
    listener.accept().read();
  }
  CHECK(process.wait().code == 69);
}
