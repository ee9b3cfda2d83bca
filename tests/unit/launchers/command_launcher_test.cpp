// SPDX-License-Identifier: Apache-2.0
// The launcher with commands that are short scripts, written for each test.
#include "runtime-api/control-server/launchers/command_launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "runtime-api/protocol/error_types.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Whether the process still runs: one that nobody has reaped yet does not.
bool runs(const std::string& pid) {
  const std::string status = text_of("/proc/" + std::to_string(std::stoi(pid)) + "/status");
  return !status.empty() && !contains(status, "State:\tZ");
}

/// A launcher over a script whose parts the test gives; each request it got is a line in the file `calls`.
class Bench {
 public:
  /// `start`, `stop`, `wait`: shell code; $request is the request.
  explicit Bench(const std::string& start, const std::string& stop = "", const std::string& wait = "",
                 std::chrono::milliseconds stop_limit = 10s) {
    command = folder.write("command", R"(#!/bin/sh
PATH=/usr/bin:/bin
folder=)" + folder.path().string() + R"(
request=$(cat)
printf '%s\n' "$request" >>"$folder/calls"
case $request in
  *'"action":"start"'*) )" + start + R"( ;;
  *'"action":"stop"'*) )" + stop + R"( ;;
  *'"action":"wait"'*) )" + wait + R"( ;;
esac
)");
    ::chmod(command.c_str(), 0755);
    options.command = command;
    options.records = folder.path() / "launched";
    options.stop_limit = stop_limit;
    make();
  }
  ~Bench() {
    if (launcher) settle();
    loop.call([&] { launcher.reset(); });
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void make() {
    loop.call([&] { launcher.emplace(loop.loop(), thread, guard, options); });
  }

  void settle() {
    if (!loop.wait_until([&] { return launcher->settled(); })) throw std::runtime_error("it does not settle");
  }

  /// What came of a start.
  LaunchResult start(std::chrono::milliseconds limit = 10s) {
    std::optional<LaunchResult> result;
    InstanceSpec spec;
    spec.instance_id = "i-1";
    spec.function_name = "hello";
    spec.task_root = "/tmp";
    spec.executable = "/tmp/bootstrap";
    spec.environment = {"_HANDLER=index.handler"};
    spec.init_deadline = Deadline::after(limit);
    loop.call([&] {
      loop.loop().spawn(
          [](CommandLauncher& launching, InstanceSpec what, std::optional<LaunchResult>& out) -> Task<void> {
            out = co_await launching.start(std::move(what));
          }(*launcher, spec, result),
          "start");
    });
    if (!loop.wait_until([&] { return result.has_value(); })) throw std::runtime_error("start does not return");
    return std::move(*result);
  }

  LaunchError refused(std::chrono::milliseconds limit = 10s) {
    LaunchResult result = start(limit);
    if (auto* const instance = std::get_if<std::unique_ptr<LaunchedInstance>>(&result)) {
      loop.call([&] { instance->reset(); });
      throw std::runtime_error("it was started");
    }
    return std::get<LaunchError>(result);
  }

  std::unique_ptr<LaunchedInstance> started() {
    LaunchResult result = start();
    if (auto* const error = std::get_if<LaunchError>(&result)) throw std::runtime_error(error->message);
    return std::get<std::unique_ptr<LaunchedInstance>>(std::move(result));
  }

  /// How it ends; it is gone afterwards.
  ExitStatus end_of(std::unique_ptr<LaunchedInstance>& instance) {
    std::optional<ExitStatus> status;
    loop.call([&] {
      loop.loop().spawn(
          [](LaunchedInstance& ending, std::optional<ExitStatus>& out) -> Task<void> {
            out = co_await ending.exited();
          }(*instance, status),
          "exit");
    });
    if (!loop.wait_until([&] { return status.has_value(); })) throw std::runtime_error("it does not end");
    loop.call([&] { instance.reset(); });
    return *status;
  }

  void signal(const std::unique_ptr<LaunchedInstance>& instance, int number) {
    loop.call([&] { instance->signal(number); });
  }

  /// Whether the process whose number is in the file `name` ends, now or soon: a signal takes its time.
  bool ends(const std::string& name) {
    const std::string pid = text_of(folder.path() / name);
    return loop.wait_until([&] { return !runs(pid); });
  }

  std::string calls() const { return text_of(folder.path() / "calls"); }
  int count(const std::string& what) const {
    const std::string all = calls();
    int found = 0;
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) ++found;
    return found;
  }
  /// Records are taken off on another thread, soon after the stop.
  bool owes_nothing() {
    return loop.wait_until([&] { return !owes_something(); });
  }
  bool owes_something() const {
    std::error_code ignored;
    return std::filesystem::exists(options.records) && !std::filesystem::is_empty(options.records, ignored);
  }
  bool has_reported(const std::string& what) const {
    const auto all = loop.reports();
    return std::any_of(all.begin(), all.end(), [&](const auto& line) { return line.find(what) != std::string::npos; });
  }

  TemporaryFolder folder;
  std::filesystem::path command;
  CommandOptions options;
  OrphanGuard guard;
  LoopThread loop;
  WorkerPool thread{loop.loop(), 1, "launching"};
  std::optional<CommandLauncher> launcher;
};

const std::string ok = R"(echo '{"version":"kiln/launch/v1","id":"c-7"}')";
/// Starts a process, and says its number once it is in a session of its own: until then it would end with the command.
const std::string with_process =
    R"(mkfifo "$folder/left"
  setsid sh -c "echo \$\$ >'$folder/left'; exec sleep 600" >/dev/null 2>&1 </dev/null 3>&- &
  read -r pid <"$folder/left"; echo "$pid" >"$folder/pid"
  echo "{\"version\":\"kiln/launch/v1\",\"pid\":$pid}")";
const std::string kill_process = R"(kill -KILL $(cat $folder/pid); echo '{"version":"kiln/launch/v1","signal":9}')";

}  // namespace

TEST_CASE("An instance has a listener of its own, and a log that its command passes on") {
  Bench bench(R"(echo "from the command" >&3; )" + ok);
  auto instance = bench.started();
  CHECK(contains(bench.calls(), R"("instance":"i-1")"));
  const Descriptor log(instance->take_log());
  pollfd readable{log.get(), POLLIN, 0};
  REQUIRE(::poll(&readable, 1, 20'000) == 1);
  char text[64] = {};
  REQUIRE(::read(log.get(), text, sizeof text) == 17);
  CHECK(std::string(text) == "from the command\n");
  const Descriptor listener(instance->take_listener());
  int listens = 0;
  socklen_t size = sizeof listens;
  REQUIRE(::getsockopt(listener.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0);
  CHECK(listens == 1);
  CHECK(contains(bench.calls(), R"("AWS_LAMBDA_RUNTIME_API":"127.0.0.1:)"));
  CHECK(instance->take_channels().empty());
  CHECK(instance->pid() == 0);
  bench.signal(instance, SIGTERM);
  CHECK(bench.end_of(instance).describe().empty());
  bench.settle();
  CHECK(bench.count(R"("action":"stop")") == 1);
  CHECK(contains(bench.calls(), R"("id":"c-7","reason":"shutdown","graceSeconds":2.0)"));
  CHECK(bench.owes_nothing());
}

TEST_CASE("There is one stop, however many ends there are") {
  Bench bench(with_process, kill_process);
  auto instance = bench.started();
  CHECK(instance->pid() > 0);
  CHECK(instance->peak_memory_kib() > 0);
  CHECK(bench.owes_something());
  bench.signal(instance, SIGTERM);
  bench.signal(instance, SIGKILL);
  bench.signal(instance, SIGKILL);
  CHECK(bench.end_of(instance).describe() == "signal: killed");
  bench.settle();
  CHECK(bench.count(R"("action":"stop")") == 1);
  CHECK(bench.owes_nothing());
  CHECK(bench.ends("pid"));
}

TEST_CASE("The end of the process it has named is the end of the instance; stop says how") {
  Bench bench(with_process, R"(echo '{"version":"kiln/launch/v1","exitCode":3,"peakMemoryKiB":4000000}')");
  auto instance = bench.started();
  ::kill(std::stoi(text_of(bench.folder.path() / "pid")), SIGKILL);
  LaunchedInstance& ending = *instance;
  std::optional<ExitStatus> status;
  bench.loop.call([&] {
    bench.loop.loop().spawn(
        [](LaunchedInstance& of, std::optional<ExitStatus>& out) -> Task<void> { out = co_await of.exited(); }(ending,
                                                                                                               status),
        "exit");
  });
  REQUIRE(bench.loop.wait_until([&] { return status.has_value(); }));
  CHECK(status->describe() == "exit status 3");
  CHECK(bench.loop.call([&] { return ending.peak_memory_kib(); }) == 4'000'000);
  CHECK(contains(bench.calls(), R"("reason":"ended","graceSeconds":0.0)"));
  bench.loop.call([&] { instance.reset(); });
}

TEST_CASE("A process that has gone before it can be watched has ended") {
  Bench bench(R"(sh -c 'exit 0' 3>&- & wait $!; echo "{\"version\":\"kiln/launch/v1\",\"pid\":$!}")");
  auto instance = bench.started();
  bench.end_of(instance);
  CHECK(bench.count(R"("reason":"ended")") == 1);
}

TEST_CASE("A wait that returns is the end of the instance") {
  Bench bench(R"(mkfifo "$folder/over"; echo '{"version":"kiln/launch/v1","wait":true}')",
              R"(echo '{"version":"kiln/launch/v1","signal":11}')", R"(read -r line <"$folder/over")");
  auto instance = bench.started();
  {
    std::ofstream over(bench.folder.path() / "over");
    over << "over\n";
  }
  CHECK(bench.end_of(instance).describe() == "signal: segmentation fault");
  CHECK(bench.count(R"("action":"wait")") == 1);
  CHECK(bench.count(R"("action":"stop")") == 1);
}

TEST_CASE("A wait that still runs once its instance was stopped is killed") {
  Bench bench(R"(echo '{"version":"kiln/launch/v1","wait":true}')", "",
              R"(echo $$ >"$folder/waiting"; exec sleep 600)");
  auto instance = bench.started();
  REQUIRE(bench.loop.wait_until([&] { return !text_of(bench.folder.path() / "waiting").empty(); }));
  bench.signal(instance, SIGTERM);
  bench.end_of(instance);
  bench.settle();
  CHECK(bench.ends("waiting"));
  CHECK(bench.loop.reports().empty());
}

TEST_CASE("A start that fails says why, with what the command wrote, and is followed by a stop") {
  SECTION("by its status") {
    Bench bench(R"(echo "no such image" >&2; echo "from below" >&3; exit 7)");
    const LaunchError error = bench.refused();
    CHECK(error.type == error_types::sandbox_failure);
    CHECK(contains(error.message, "(exit status 7)"));
    CHECK(contains(error.message, "no such image"));
    CHECK(contains(error.message, "from below"));
    bench.settle();
    CHECK(bench.count(R"("reason":"start-failed")") == 1);
    CHECK(bench.owes_nothing());
  }
  SECTION("by its answer") {
    Bench bench(
        R"(echo '{"version":"kiln/launch/v1","error":{"type":"Runtime.InvalidEntrypoint","message":"no image"}}')");
    const LaunchError error = bench.refused();
    CHECK(error.type == "Runtime.InvalidEntrypoint");
    CHECK(error.message == "no image");
  }
  SECTION("by garbage") {
    Bench bench("echo started");
    CHECK(contains(bench.refused().message, "makes no sense: it is not JSON"));
    bench.settle();
    CHECK(bench.count(R"("action":"stop")") == 1);
  }
  SECTION("by too long an answer") {
    Bench bench("head -c 70000 /dev/zero; sleep 600");
    CHECK(contains(bench.refused().message, "wrote more than may be read and was killed"));
  }
  SECTION("by a flood of words") {
    Bench bench("yes >&2");
    CHECK(contains(bench.refused().message, "wrote more than may be read and was killed"));
  }
}

TEST_CASE("A start that hangs is killed at the deadline, with all that it has started in its group") {
  Bench bench(R"(sleep 600 & echo $! >"$folder/child"; echo "still pulling" >&2; wait)");
  const LaunchError error = bench.refused(500ms);
  CHECK(contains(error.message, "did not end within 0.5 s and was killed; it wrote: still pulling"));
  bench.settle();
  CHECK(bench.count(R"("reason":"start-failed")") == 1);
  CHECK(bench.ends("child"));
}

TEST_CASE("A command that is not there is no reason for a stop") {
  Bench bench("");
  std::filesystem::remove(bench.command);
  const LaunchError error = bench.refused();
  CHECK(contains(error.message, "Couldn't run the launch command " + bench.command.string()));
  CHECK(contains(error.message, "No such file"));
  bench.settle();
  CHECK(bench.owes_nothing());
}

TEST_CASE("A stop that hangs is killed and told of; the instance counts as ended") {
  Bench bench(ok, "sleep 600", "", 300ms);
  auto instance = bench.started();
  bench.signal(instance, SIGKILL);
  bench.end_of(instance);
  CHECK(bench.has_reported("did not end within 0.3 s and was killed; what it has started may still run"));
}

TEST_CASE("A stop that fails or talks nonsense is told of; the instance counts as ended") {
  Bench bench(ok, "echo gone");
  auto instance = bench.started();
  bench.signal(instance, SIGKILL);
  CHECK(bench.end_of(instance).describe().empty());
  CHECK(bench.has_reported("makes no sense: it is not JSON"));
}

TEST_CASE("An instance that nobody wants any more is stopped") {
  Bench bench(with_process, kill_process);
  auto instance = bench.started();
  bench.loop.call([&] { instance.reset(); });
  bench.settle();
  CHECK(bench.count(R"("reason":"kill")") == 1);
}

TEST_CASE("The end of a server gives up the starts under way") {
  Bench bench(R"(touch "$folder/begun"; sleep 600)");
  std::optional<LaunchError> error;
  std::thread starting([&] { error = bench.refused(60s); });
  REQUIRE(bench.loop.wait_until([&] { return std::filesystem::exists(bench.folder.path() / "begun"); }));
  bench.loop.call([&] { bench.launcher->stop(); });
  starting.join();
  CHECK(error->message == "The server is stopping");
  bench.settle();
  CHECK(bench.count(R"("reason":"start-failed")") == 1);
  CHECK(bench.refused().message == "The server is stopping");
  CHECK(bench.count(R"("action":"start")") == 1);
}

TEST_CASE("What a killed server owes is stopped by the next one") {
  Bench bench(ok, R"(echo '{"version":"kiln/launch/v1"}')");
  CommandRecords(bench.options.records).keep({"i-9", "other", "c-9"});
  bench.loop.call([&] { bench.launcher.reset(); });
  bench.make();
  bench.settle();
  CHECK(bench.count(R"("action":"stop","instance":"i-9","function":"other","id":"c-9","reason":"orphaned")") == 1);
  CHECK(bench.owes_nothing());
}

TEST_CASE("A command gets the server's environment, its own stdin and the log, and no other descriptor") {
  ::setenv("KILN_TEST_MARK", "seen", 1);
  const Descriptor other(::open("/dev/null", O_RDONLY));  // not close-on-exec
  Bench bench(R"(echo "$KILN_TEST_MARK" >"$folder/mark"; ls /proc/$$/fd >"$folder/open"; )" + ok);
  auto instance = bench.started();
  CHECK(text_of(bench.folder.path() / "mark") == "seen\n");
  std::string open = text_of(bench.folder.path() / "open");
  std::replace(open.begin(), open.end(), '\n', ' ');
  // 10 or 255 is the shell's own script.
  CHECK(open.starts_with("0 1 "));
  CHECK_FALSE(contains(open, " 4 "));
  CHECK(contains(open, " 3 "));
  bench.signal(instance, SIGKILL);
  bench.end_of(instance);
  ::unsetenv("KILN_TEST_MARK");
}

TEST_CASE("A command is asked what it is before anything depends on it") {
  const TemporaryFolder folder;
  const auto script = [&](const std::string& text) {
    const auto path = folder.write("describes", "#!/bin/sh\ncat >/dev/null\n" + text);
    ::chmod(path.c_str(), 0755);
    return path;
  };
  const auto fails_with = [](const std::filesystem::path& path) -> std::string {
    try {
      describe_command(path);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  };
  const CommandDescription description =
      describe_command(script(R"(echo '{"version":"kiln/launch/v1","name":"mine","paths":"host"}')"));
  CHECK(description.name == "mine");
  CHECK(description.host_paths);
  CHECK(contains(fails_with(folder.path() / "nothing"), "No such file"));
  CHECK(contains(fails_with(script("exit 3")), "failed (exit status 3)"));
  CHECK(contains(fails_with(script("echo hello")), "makes no sense: it is not JSON"));
  CHECK(contains(fails_with(script(R"(echo '{"version":"kiln/launch/v2"}')")), "its version is kiln/launch/v2"));
}
