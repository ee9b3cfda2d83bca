// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/process_launcher.hpp"

#include <utility>

#include "runtime-api/control-server/launchers/child_process.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

class ProcessExtension final : public LaunchedExtension {
 public:
  ProcessExtension(EventLoop& loop, const OrphanGuard& guard, std::string name, const SpawnResult& spawned,
                   Descriptor log)
      : guard_(guard),
        name_(std::move(name)),
        process_(loop, spawned.pid, spawned.borrowed_peak_kib),
        log_(std::move(log)) {}

  ~ProcessExtension() override { guard_.forget(process_.pid()); }

  const std::string& name() const override { return name_; }
  void signal(int signal_number) override { process_.signal_group(signal_number); }
  Completion<ExitStatus>& exited() override { return process_.exited(); }
  int take_log() override { return log_.release(); }

 private:
  const OrphanGuard& guard_;
  const std::string name_;
  ChildProcess process_;
  Descriptor log_;
};

using Extensions = std::vector<std::unique_ptr<LaunchedExtension>>;

class ProcessInstance final : public LaunchedInstance {
 public:
  ProcessInstance(EventLoop& loop, const OrphanGuard& guard, const SpawnResult& spawned, Endpoints ends,
                  Extensions extensions)
      : guard_(guard),
        process_(loop, spawned.pid, spawned.borrowed_peak_kib),
        executed_at_(spawned.executed_at),
        ends_(std::move(ends)),
        extensions_(std::move(extensions)) {}

  ~ProcessInstance() override { guard_.forget(process_.pid()); }

  int pid() const override { return process_.pid(); }
  Deadline::Clock::time_point executed_at() const override { return executed_at_; }
  void signal(int signal_number) override { process_.signal_group(signal_number); }
  Completion<ExitStatus>& exited() override { return process_.exited(); }
  long peak_memory_kib() const override { return process_.peak_memory_kib(); }
  int take_log() override { return ends_.log_read.release(); }
  int take_frames() override { return ends_.frames_read.release(); }
  std::vector<Descriptor> take_channels() override { return std::move(ends_.channels_ours); }
  int take_listener() override { return ends_.listener.release(); }
  Extensions take_extensions() override { return std::move(extensions_); }

 private:
  const OrphanGuard& guard_;
  ChildProcess process_;
  const Deadline::Clock::time_point executed_at_;
  Endpoints ends_;
  Extensions extensions_;
};

/// One process to be started.
struct Start {
  SpawnRequest request;
  LogPipe log;  // an extension's
};

Start runtime_start(InstanceSpec& spec, const Endpoints& ends) {
  Start start;
  start.request.executable = spec.executable.string();
  start.request.arguments = std::move(spec.arguments);
  start.request.environment = std::move(spec.environment);
  add_api_address(start.request.environment, ends.address);
  add_inherited(start.request.environment, ends);
  start.request.working_directory = spec.task_root.string();
  start.request.output = ends.log_write.get();
  start.request.inherited = ends.inherited();
  return start;
}

Start extension_start(const ExtensionSpec& extension, const std::vector<std::string>& variables) {
  Start start;
  start.log = make_log_pipe();
  start.request.executable = extension.executable.string();
  start.request.environment = variables;
  start.request.working_directory = "/";
  start.request.output = start.log.write_end.get();
  return start;
}

/// Extensions first, the runtime last. Where one cannot be started, the ones before it are killed by their owners.
/// `zygote`, where there is one, makes the runtime.
std::vector<SpawnResult> spawn_all(const std::vector<Start>& starts, const OrphanGuard& guard, ProcessZygote* zygote) {
  std::vector<SpawnResult> results;
  for (const Start& start : starts) {
    const bool forks = zygote != nullptr && &start == &starts.back();
    const SpawnResult& result =
        results.emplace_back(forks ? zygote->spawn(start.request) : spawn_process(start.request));
    if (result.error) break;
    guard.watch(result.pid);
  }
  return results;
}

}  // namespace

InstancePaths ProcessLauncher::paths(const InstanceSpec& spec) const { return paths_on_host(spec); }

Task<LaunchResult> ProcessLauncher::start(InstanceSpec spec) {
  Endpoints ends = make_endpoints(spec.channels, spec.takes_frames);
  ends.listener = listen_on_loopback(ends.address);
  if (!spec.extensions.empty()) add_api_address(spec.extension_environment, ends.address);
  std::vector<Start> starts;
  starts.reserve(spec.extensions.size() + 1);
  for (const ExtensionSpec& extension : spec.extensions) {
    starts.push_back(extension_start(extension, spec.extension_environment));
  }
  starts.push_back(runtime_start(spec, ends));
  ProcessZygote* const zygote = spec.zygote.empty() ? nullptr : zygote_;
  const std::vector<SpawnResult> spawned =
      co_await thread_.run([this, &starts, zygote] { return spawn_all(starts, guard_, zygote); });

  Extensions extensions;
  for (std::size_t i = 0; i < spawned.size() && i < spec.extensions.size(); ++i) {
    if (spawned[i].error) break;
    extensions.push_back(std::make_unique<ProcessExtension>(loop_, guard_, spec.extensions[i].name, spawned[i],
                                                            std::move(starts[i].log.read_end)));
  }
  const SpawnResult& last = spawned.back();
  if (last.error) {
    const bool runtime = spawned.size() == starts.size();
    std::string message =
        "Couldn't start " + starts[spawned.size() - 1].request.executable + ": " + last.error.message();
    if (last.error == std::errc::permission_denied) {
      message += " (it must be readable and executable for the user that instances run as)";
    }
    co_return LaunchError{std::string(runtime ? error_types::invalid_entrypoint : error_types::extension_launch_error),
                          message};
  }
  ends.close_theirs();
  co_return std::make_unique<ProcessInstance>(loop_, guard_, last, std::move(ends), std::move(extensions));
}

}  // namespace kiln
