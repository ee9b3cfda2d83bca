// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/process_launcher.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "runtime-api/control-server/launchers/child_process.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

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
  ProcessInstance(EventLoop& loop, const OrphanGuard& guard, const SpawnResult& spawned, Descriptor log,
                  Descriptor frames, std::vector<Descriptor> channels, Descriptor listener, Extensions extensions)
      : guard_(guard),
        process_(loop, spawned.pid, spawned.borrowed_peak_kib),
        executed_at_(spawned.executed_at),
        log_(std::move(log)),
        frames_(std::move(frames)),
        channels_(std::move(channels)),
        listener_(std::move(listener)),
        extensions_(std::move(extensions)) {}

  ~ProcessInstance() override { guard_.forget(process_.pid()); }

  int pid() const override { return process_.pid(); }
  Deadline::Clock::time_point executed_at() const override { return executed_at_; }
  void signal(int signal_number) override { process_.signal_group(signal_number); }
  Completion<ExitStatus>& exited() override { return process_.exited(); }
  long peak_memory_kib() const override { return process_.peak_memory_kib(); }
  int take_log() override { return log_.release(); }
  int take_frames() override { return frames_.release(); }
  std::vector<Descriptor> take_channels() override { return std::move(channels_); }
  int take_listener() override { return listener_.release(); }
  Extensions take_extensions() override { return std::move(extensions_); }

 private:
  const OrphanGuard& guard_;
  ChildProcess process_;
  const Deadline::Clock::time_point executed_at_;
  Descriptor log_;
  Descriptor frames_;
  std::vector<Descriptor> channels_;
  Descriptor listener_;
  Extensions extensions_;
};

/// Our ends and the child's of everything that joins the two.
struct Endpoints {
  Descriptor log_read, log_write;
  Descriptor frames_read, frames_write;
  std::vector<Descriptor> channels_ours, channels_theirs;
  Descriptor listener;
  std::string address;  // of the listener
};

void set_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// A pipe for what a process writes: our end does not block.
void make_log_pipe(Descriptor& read_end, Descriptor& write_end) {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) fail("pipe2");
  read_end = Descriptor(pair[0]);
  write_end = Descriptor(pair[1]);
  set_non_blocking(pair[0]);
}

Endpoints make_endpoints(std::size_t channels, bool takes_frames) {
  Endpoints ends;
  make_log_pipe(ends.log_read, ends.log_write);
  for (std::size_t i = 0; i < channels; ++i) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
    ends.channels_ours.emplace_back(pair[0]);
    ends.channels_theirs.emplace_back(pair[1]);
    set_non_blocking(pair[0]);
  }
  if (takes_frames) make_log_pipe(ends.frames_read, ends.frames_write);
  ends.listener = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof any;
  if (!ends.listener || ::bind(ends.listener.get(), reinterpret_cast<sockaddr*>(&any), length) != 0 ||
      ::listen(ends.listener.get(), 128) != 0 ||
      ::getsockname(ends.listener.get(), reinterpret_cast<sockaddr*>(&any), &length) != 0) {
    fail("cannot listen on loopback");
  }
  ends.address = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  return ends;
}

/// One process to be started.
struct Start {
  SpawnRequest request;
  Descriptor log_read, log_write;  // an extension's
};

void add_api_address(std::vector<std::string>& variables, const std::string& address) {
  variables.push_back(std::string(environment::runtime_api) + "=" + address);
  variables.push_back(std::string(environment::metadata_api) + "=" + address);
}

Start runtime_start(InstanceSpec& spec, const Endpoints& ends) {
  Start start;
  start.request.executable = spec.executable.string();
  start.request.arguments = std::move(spec.arguments);
  start.request.environment = std::move(spec.environment);
  add_api_address(start.request.environment, ends.address);
  if (spec.channels > 0) {
    std::string numbers = std::to_string(first_inherited_fd);
    if (spec.channels > 1) numbers += "-" + std::to_string(first_inherited_fd + static_cast<int>(spec.channels) - 1);
    start.request.environment.push_back(std::string(environment::runtime_api_fd) + "=" + numbers);
  }
  start.request.working_directory = spec.task_root.string();
  start.request.output = ends.log_write.get();
  for (const Descriptor& channel : ends.channels_theirs) start.request.inherited.push_back(channel.get());
  if (ends.frames_write) {
    const int number = first_inherited_fd + static_cast<int>(start.request.inherited.size());
    start.request.environment.push_back(std::string(environment::telemetry_log_fd) + "=" + std::to_string(number));
    start.request.inherited.push_back(ends.frames_write.get());
  }
  return start;
}

Start extension_start(const ExtensionSpec& extension, const std::vector<std::string>& variables) {
  Start start;
  make_log_pipe(start.log_read, start.log_write);
  start.request.executable = extension.executable.string();
  start.request.environment = variables;
  start.request.working_directory = "/";
  start.request.output = start.log_write.get();
  return start;
}

/// Extensions first, the runtime last. Where one cannot be started, the ones before it are killed by their owners.
std::vector<SpawnResult> spawn_all(const std::vector<Start>& starts, const OrphanGuard& guard) {
  std::vector<SpawnResult> results;
  for (const Start& start : starts) {
    const SpawnResult& result = results.emplace_back(spawn_process(start.request));
    if (result.error) break;
    guard.watch(result.pid);
  }
  return results;
}

}  // namespace

Task<LaunchResult> ProcessLauncher::start(InstanceSpec spec) {
  Endpoints ends = make_endpoints(spec.channels, spec.takes_frames);
  if (!spec.extensions.empty()) add_api_address(spec.extension_environment, ends.address);
  std::vector<Start> starts;
  starts.reserve(spec.extensions.size() + 1);
  for (const ExtensionSpec& extension : spec.extensions) {
    starts.push_back(extension_start(extension, spec.extension_environment));
  }
  starts.push_back(runtime_start(spec, ends));
  const std::vector<SpawnResult> spawned = co_await thread_.run([this, &starts] { return spawn_all(starts, guard_); });

  Extensions extensions;
  for (std::size_t i = 0; i < spawned.size() && i < spec.extensions.size(); ++i) {
    if (spawned[i].error) break;
    extensions.push_back(std::make_unique<ProcessExtension>(loop_, guard_, spec.extensions[i].name, spawned[i],
                                                            std::move(starts[i].log_read)));
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
  co_return std::make_unique<ProcessInstance>(loop_, guard_, last, std::move(ends.log_read),
                                              std::move(ends.frames_read), std::move(ends.channels_ours),
                                              std::move(ends.listener), std::move(extensions));
}

}  // namespace kiln
