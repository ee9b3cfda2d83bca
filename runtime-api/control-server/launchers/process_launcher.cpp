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

class ProcessInstance final : public LaunchedInstance {
 public:
  ProcessInstance(EventLoop& loop, const OrphanGuard& guard, int pid, Descriptor log, Descriptor channel,
                  Descriptor listener)
      : guard_(guard),
        process_(loop, pid),
        log_(std::move(log)),
        channel_(std::move(channel)),
        listener_(std::move(listener)) {}

  ~ProcessInstance() override { guard_.forget(process_.pid()); }

  int pid() const override { return process_.pid(); }
  void signal(int signal_number) override { process_.signal_group(signal_number); }
  Completion<ExitStatus>& exited() override { return process_.exited(); }
  long peak_memory_kib() const override { return process_.peak_memory_kib(); }
  int take_log() override { return log_.release(); }
  int take_channel() override { return channel_.release(); }
  int take_listener() override { return listener_.release(); }

 private:
  const OrphanGuard& guard_;
  ChildProcess process_;
  Descriptor log_;
  Descriptor channel_;
  Descriptor listener_;
};

/// Our ends and the child's of everything that joins the two.
struct Endpoints {
  Descriptor log_read, log_write;
  Descriptor channel_ours, channel_theirs;
  Descriptor listener;
  std::string address;  // of the listener
};

void set_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

Endpoints make_endpoints(bool inherits_channel) {
  Endpoints ends;
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) fail("pipe2");
  ends.log_read = Descriptor(pair[0]);
  ends.log_write = Descriptor(pair[1]);
  set_non_blocking(pair[0]);
  if (inherits_channel) {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
    ends.channel_ours = Descriptor(pair[0]);
    ends.channel_theirs = Descriptor(pair[1]);
    set_non_blocking(pair[0]);
    return ends;
  }
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

}  // namespace

Task<LaunchResult> ProcessLauncher::start(InstanceSpec spec) {
  Endpoints ends = make_endpoints(spec.inherits_channel);
  if (spec.inherits_channel) {
    spec.environment.push_back(std::string(environment::runtime_api_fd) + "=" + std::to_string(inherited_channel_fd));
  } else {
    spec.environment.push_back(std::string(environment::runtime_api) + "=" + ends.address);
  }
  SpawnRequest request;
  request.executable = spec.executable.string();
  request.arguments = std::move(spec.arguments);
  request.environment = std::move(spec.environment);
  request.working_directory = spec.task_root.string();
  request.output = ends.log_write.get();
  request.channel = ends.channel_theirs.get();
  const SpawnResult spawned = co_await thread_.run([this, &request] {
    const SpawnResult result = spawn_process(request);
    if (!result.error) guard_.watch(result.pid);
    return result;
  });
  if (spawned.error) {
    const std::string message = "Couldn't start " + request.executable + ": " + spawned.error.message();
    co_return LaunchError{std::string(error_types::invalid_entrypoint), message};
  }
  co_return std::make_unique<ProcessInstance>(loop_, guard_, spawned.pid, std::move(ends.log_read),
                                              std::move(ends.channel_ours), std::move(ends.listener));
}

}  // namespace kiln
