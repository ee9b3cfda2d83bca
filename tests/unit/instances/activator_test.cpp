// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/activator.hpp"

#include <filesystem>
#include <fstream>
#include <optional>

#include "runtime-api/control-server/catalog/code_store.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"
#include "tests/unit/catalog/zip_writer.hpp"
#include "tests/unit/instances/scripted_launcher.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

/// Cold starts of one function, with the launcher scripted.
class ColdStart {
 public:
  ColdStart() {
    std::filesystem::create_directories(folder_ / "libexec/cpp");
    std::ofstream(folder_ / "libexec/cpp/bootstrap") << "#!/bin/sh\n";
    std::filesystem::permissions(folder_ / "libexec/cpp/bootstrap", std::filesystem::perms::owner_all);
    configuration.name = "f";
    configuration.runtime = "cpp";
    configuration.handler = "index.handler";
    configuration.code_sha256_hex = store.put(hello_zip())->sha256_hex;
    launcher.process = &process;
  }

  /// Activates and lets `script` play the runtime beside it; then the process ends, and with it the instance.
  void run(const std::function<void()>& script) { runner.run(activate(script)); }

  std::filesystem::path task_root() const { return *store.task_root(configuration.code_sha256_hex); }
  bool logged(std::string_view text) const { return logs.read("f", {.times = false}).find(text) != std::string::npos; }

  FunctionConfiguration configuration;
  TemporaryFolder folder_;
  CodeStore store{folder_ / "code"};
  LoopRunner runner;
  WorkerPool workers{runner.loop(), 2, "test-workers"};
  LogStore logs{runner.loop(), workers, {}};
  ScriptedProcess process;
  ScriptedLauncher launcher;
  PhaseTimes phases;
  std::optional<FunctionError> error;

 private:
  Task<void> activate(const std::function<void()>& script) {
    const auto intact = [this](std::string_view hash) {
      return workers.run([this, name = std::string(hash)] { return store.intact(name); });
    };
    Activator activator(runner.loop(), launcher, logs,
                        {[this](const DeployedFunction& f) { return installed_runtime(folder_ / "libexec", f); },
                         folder_ / "opt",
                         limits::init_timeout,
                         {},
                         {},
                         intact});
    DeployedFunction function{std::make_shared<const FunctionConfiguration>(configuration), task_root()};
    Completion<bool> stopped;
    Instance::Hooks hooks;
    hooks.on_idle = [](Instance&) {};
    hooks.on_stopped = [&](Instance&) { stopped.set(true); };
    runner.loop().post(script);
    Activation activation = co_await activator.activate(std::move(function), std::move(hooks), std::nullopt, nullptr);
    phases = activation.phases;
    error = activation.error;
    if (!activation.instance) co_return;
    process.exited.set(ExitStatus{});
    co_await stopped;
  }
};

}  // namespace

TEST_CASE("The init phase begins when the program was executed, however late the server hears of it") {
  ColdStart cold;
  cold.process.executed_at = Deadline::Clock::now() - 300ms;
  cold.run([&] { cold.process.poll(); });
  CHECK_FALSE(cold.error);
  CHECK(cold.phases.init >= 300ms);
  CHECK(cold.phases.total() < 300ms + patience);
}

TEST_CASE("A failed init phase has its line in the log") {
  ColdStart cold;
  SECTION("the process ends") {
    cold.run([&] { cold.process.exited.set(ExitStatus{.code = 3}); });
    CHECK(cold.error->type == error_types::exit_error);
    CHECK(cold.logged("Error: Runtime exited with error: exit status 3\n"));
    CHECK(cold.logged("Runtime.ExitError"));
  }
  SECTION("the runtime says so") {
    cold.run([&] {
      cold.process.say(
          "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: kiln\r\nContent-Length: 2\r\n"
          "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n\r\n{}");
    });
    CHECK(cold.error->body == "{}");
    CHECK(cold.logged("Error: The runtime reported that its init phase failed\n"));
    CHECK(cold.logged("Runtime.ImportModuleError"));
  }
  SECTION("the program cannot be executed") {
    cold.launcher.refuse = LaunchError{"Runtime.InvalidEntrypoint", "Couldn't start it: Exec format error"};
    cold.run([] {});
    CHECK(cold.error->type == error_types::invalid_entrypoint);
    CHECK(cold.logged("Error: Couldn't start it: Exec format error\n"));
  }
  SECTION("the isolation it asks for cannot be had") {
    cold.configuration.kiln.isolation = "sandbox";
    cold.launcher.refuse_choice = LaunchError{"Sandbox.Failure", "No sandbox here"};
    cold.run([] {});
    CHECK(cold.launcher.asked_for == "sandbox");
    CHECK(cold.error->type == error_types::sandbox_failure);
    CHECK(cold.logged("Error: No sandbox here\n"));
    CHECK(cold.launcher.starts == 0);
  }
  SECTION("there is no bootstrap") {
    cold.configuration.runtime = "provided.al2023";
    cold.run([] {});
    CHECK(cold.error->type == error_types::invalid_entrypoint);
    CHECK(cold.logged("Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap"));
    CHECK(cold.launcher.starts == 0);
  }
}

TEST_CASE("Code that is not what was uploaded is never started") {
  ColdStart cold;
  const auto file = cold.task_root() / "index.py";
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    const int first = bytes.get();
    bytes.seekp(0);
    bytes.put(static_cast<char>(first ^ 1));
  }
  cold.run([] {});
  REQUIRE(cold.error);
  CHECK(cold.error->type == error_types::code_corrupt);
  CHECK(cold.launcher.starts == 0);
  REQUIRE(cold.runner.reports().size() == 1);
  CHECK_THAT(cold.runner.reports().front(), Catch::Matchers::StartsWith("code store: The code of function f"));
}
