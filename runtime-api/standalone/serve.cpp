// SPDX-License-Identifier: Apache-2.0
// Wiring only: the parts of the control server, around one function that is there from the beginning.
#include "runtime-api/standalone/serve.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime-api/control-server/api/operations.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/process_launcher.hpp"
#include "runtime-api/control-server/launchers/process_zygote.hpp"
#include "runtime-api/control-server/shutdown.hpp"
#include "runtime-api/server/async/signal_watch.hpp"
#include "runtime-api/server/http/http_server.hpp"
#include "runtime-api/standalone/output.hpp"
#include "runtime-api/standalone/standalone_api.hpp"

namespace kiln::standalone {
namespace {

/// The lines of `text` as one, for whoever reads the last line only.
std::string on_one_line(std::string_view text) {
  std::string line;
  bool gap = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      gap = !line.empty();
      continue;
    }
    if (std::exchange(gap, false)) line += ' ';
    line += c;
  }
  return line;
}

/// One instance alone gains nothing by it. A wrapper is to execute something.
bool may_fork(const Settings& settings, const RuntimeFiles& runtime) {
  return settings.zygote && settings.function.kiln.max_instances > 1 && runtime.own_bootstrap &&
         runtime.arguments.empty() && settings.function.runtime.starts_with("python");
}

PoolLimits limits_of(const Settings& settings) {
  PoolLimits limits;
  limits.max_wait = settings.queue_timeout;
  return limits;
}

/// "Runtime.ImportModuleError: Unable to import module 'index': …", for people.
std::string reason_of(const FunctionError& error, std::chrono::seconds init_timeout) {
  const auto body = nlohmann::json::parse(error.body, nullptr, false);
  std::string reason = error.type;
  const auto text = [&body](const char* name) {
    const bool there = body.is_object() && body.contains(name) && body[name].is_string();
    return there ? body[name].get<std::string>() : std::string();
  };
  // The runtime's header may say less than its body: it has room for a few words only.
  if (const std::string type = text("errorType"); !type.empty()) reason = type;
  if (const std::string message = text("errorMessage"); !message.empty()) {
    reason += ": " + message;
  } else if (error.type == "Sandbox.Timedout") {
    reason += ": the init phase took longer than " + std::to_string(init_timeout.count()) + " s (KILN_INIT_TIMEOUT)";
  }
  return on_one_line(reason);
}

/// Everything that serves, in the order of dependence.
class Server {
 public:
  Server(const Settings& settings, RuntimeFiles runtime)
      : settings_(settings),
        metrics_(KILN_VERSION),
        loop_([this](std::string_view where, std::string_view what) {
          metrics_.internal_errors.add();
          std::fprintf(stderr, "kiln: %.*s: %.*s\n", static_cast<int>(where.size()), where.data(),
                       static_cast<int>(what.size()), what.data());
        }),
        writing_(loop_, 1, "kiln-output"),
        zygote_(guard_, settings.preimports,
                [](const std::string& why) { std::fprintf(stderr, "kiln: %s\n", why.c_str()); }),
        launching_(loop_, 1, "kiln-launcher"),
        output_(writing_),
        logs_(loop_, writing_, to_output()),
        launcher_(loop_, launching_, guard_, may_fork(settings, runtime) ? &zygote_ : nullptr),
        launchers_(launcher_),
        activator_(loop_, launchers_, logs_,
                   {[runtime = std::move(runtime)](const DeployedFunction&) { return runtime; },
                    "/opt",
                    settings.init_timeout,
                    {},
                    settings.account,
                    {}}),
        pool_(std::make_shared<FunctionPool>(
            FunctionPool::Context{loop_, activator_, metrics_, limits_of(settings)},
            DeployedFunction{std::make_shared<const FunctionConfiguration>(settings.function), settings.task_root})),
        api_(metrics_, settings.account, pool_),
        operations_api_(metrics_, [this] { return ready(); }, [this] { update_gauges(); }) {}

  int run() {
    const SignalWatch signals(loop_, {SIGTERM, SIGINT}, [this](int) { asked_to_end(); });
    loop_.spawn(live(), "standalone server");
    loop_.run();
    return code_;
  }

 private:
  /// Lines come on stdout a little later than they are made: each wake of the writer costs the calls around it.
  LogOptions to_output() {
    LogOptions options;
    options.write_interval = std::chrono::milliseconds(100);
    options.sink = [this](std::vector<LogSlice> slices) { output_.write(std::move(slices)); };
    return options;
  }

  /// Nobody may reach the port before the function is ready: a connection that is accepted means readiness to Knative.
  Task<void> live() {
    auto failure = co_await pool_->prepare();
    if (failure) {
      failure_ = reason_of(*failure, settings_.init_timeout);
      code_ = ExitCode::init_failed;
      co_return co_await leave();
    }
    try {
      listen();
    } catch (const std::system_error& error) {
      failure_ = error.what();
      code_ = ExitCode::bad_settings;
    }
    if (!failure_.empty()) co_return co_await leave();
    pool_->keep_ready();
  }

  void listen() {
    const auto serve_call = [this](http::Connection& connection) { return api_.handle(connection); };
    const auto serve_operations = [this](http::Connection& connection) { return operations_api_.handle(connection); };
    operations_.emplace(loop_, http::HttpServer::Options{settings_.host, settings_.operations_port, 100, {}},
                        serve_operations);
    listener_.emplace(loop_, http::HttpServer::Options{settings_.host, settings_.port, 10'000, {}}, serve_call);
    std::fprintf(stderr, "ready http://%s operations http://%s\n", listener_->address().c_str(),
                 operations_->address().c_str());
  }

  /// Ends where nothing has ever listened.
  Task<void> leave() {
    pool_->retire();
    const Deadline deadline = Deadline::after(limits::shutdown_timeout + std::chrono::seconds(1));
    while (!pool_->empty() && !deadline.passed())
      co_await sleep_until(loop_, Deadline::after(std::chrono::milliseconds(5)));
    pool_->kill_all();
    logs_.flush();
    loop_.stop();
  }

  /// Also while a runtime that has crashed is being replaced: calls wait for that.
  bool ready() const { return !ending_; }

  void update_gauges() {
    pool_->update_gauges();
    if (listener_) metrics_.connections.set(static_cast<std::int64_t>(listener_->open_connections()));
  }

  /// The second signal does not wait, and neither does one within the init phase, which nobody has asked anything of yet:
  /// whatever runs by then ends with this process (OrphanGuard).
  void asked_to_end() {
    if (std::exchange(ending_, true)) ::_exit(128 + SIGTERM);
    if (listener_) {
      loop_.spawn(end(), "shutdown");
    } else {
      loop_.stop();
    }
  }

  Task<void> end() {
    std::fprintf(stderr, "kiln: asked to end, %zu call(s) under way\n", listener_->active());
    api_.drain();
    co_await sleep_until(loop_, Deadline::after(settings_.drain_delay));
    shutdown_.emplace(loop_, *listener_, *operations_,
                      Shutdown::Functions{[] {}, [this] { pool_->retire(); }, [this] { pool_->kill_all(); },
                                          [this] { return pool_->empty(); }},
                      settings_.drain_timeout);
    co_await shutdown_->run();
  }

 public:
  const std::string& failure() const { return failure_; }

 private:
  const Settings& settings_;
  OrphanGuard guard_;  // forks, so before any thread
  Metrics metrics_;
  EventLoop loop_;
  WorkerPool writing_;
  ProcessZygote zygote_;
  WorkerPool launching_;
  Output output_;
  LogStore logs_;
  ProcessLauncher launcher_;
  const OnlyLauncher launchers_;
  Activator activator_;
  std::shared_ptr<FunctionPool> pool_;
  StandaloneApi api_;
  OperationsApi operations_api_;
  std::optional<http::HttpServer> operations_;
  std::optional<http::HttpServer> listener_;
  std::optional<Shutdown> shutdown_;
  std::string failure_;
  int code_ = ExitCode::ended;
  bool ending_ = false;
};

bool is_program(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Bootstrap find_bootstrap(const Settings& settings, const std::filesystem::path& opt) {
  // Of our runtimes' images the environment says so; a program that a user has put there knows nothing of our sockets.
  const bool managed = settings.function.runtime != "provided";
  for (const auto& folder : {settings.runtime_dir, settings.task_root, opt}) {
    const auto program = folder / "bootstrap";
    if (is_program(program)) return {program, ExitCode::ended, managed && folder == settings.runtime_dir};
    std::error_code ignored;
    if (std::filesystem::exists(program, ignored)) {
      std::fprintf(stderr, "kiln: %s cannot be executed: chmod +x it\n", program.c_str());
      return {{}, ExitCode::not_executable};
    }
  }
  std::fprintf(stderr,
               "kiln: no bootstrap in %s, %s or %s: build FROM an image that has one, or copy yours to %s/bootstrap\n",
               settings.runtime_dir.c_str(), settings.task_root.c_str(), opt.c_str(), settings.task_root.c_str());
  return {{}, ExitCode::not_found};
}

int serve(const Settings& settings) {
  ::signal(SIGPIPE, SIG_IGN);
  const Bootstrap bootstrap = find_bootstrap(settings);
  if (bootstrap.executable.empty()) return bootstrap.missing;
  RuntimeFiles runtime{bootstrap.executable, {}, settings.runtime_dir, bootstrap.own};
  if (!settings.exec_wrapper.empty()) {
    runtime.arguments = {bootstrap.executable.string()};
    runtime.executable = settings.exec_wrapper;
  }
  std::string failure;
  int code = 0;
  {
    Server server(settings, std::move(runtime));
    code = server.run();
    failure = server.failure();
  }
  // Last of all, where schedulers look for the reason.
  if (code == ExitCode::init_failed)
    std::fprintf(stderr, "kiln: the function could not be initialised: %s\n", failure.c_str());
  if (code == ExitCode::bad_settings) std::fprintf(stderr, "kiln: %s\n", failure.c_str());
  return code;
}

}  // namespace kiln::standalone
