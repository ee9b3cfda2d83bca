// SPDX-License-Identifier: Apache-2.0
// The bootstrap as a process: signals, environment, exit codes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln::test;

namespace {

const std::string probe = KILN_BINARY_DIR "/tests/bootstrap_probe";

/// What a handler waits for until the test lets it go on.
class Gate {
 public:
  Gate() {
    std::string name = std::filesystem::temp_directory_path() / "kiln-gate-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    if (::mkfifo(path().c_str(), 0600) != 0) throw std::runtime_error("no fifo");
  }
  ~Gate() { std::filesystem::remove_all(folder_); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  std::string path() const { return folder_ + "/fifo"; }
  std::string variable() const { return "PROBE_FIFO=" + path(); }
  void open() const {
    const int fd = ::open(path().c_str(), O_WRONLY);
    const ssize_t written = ::write(fd, "\n", 1);
    ::close(fd);
    if (written != 1) throw std::runtime_error("nobody waits at the gate");
  }

 private:
  std::string folder_;
};

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

TEST_CASE("SIGTERM ends an idle instance in order") {
  Instance instance;
  instance.platform.read();
  instance.process.signal(SIGTERM);
  CHECK(instance.platform.peer_closes());
  instance.platform.close();
  CHECK(instance.process.wait().code == 0);
  CHECK(instance.process.output() == "shutdown\n");
}

TEST_CASE("SIGTERM ends an instance that has answered and waits for the next event") {
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

TEST_CASE("A SIGTERM handler of the function's own is called too") {
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
