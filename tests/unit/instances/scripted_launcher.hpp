// SPDX-License-Identifier: Apache-2.0
// A launcher that starts no process: the test plays the runtime on the other end of the channel, and says when it ends.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln::test {

/// The test's hold on what it has launched.
struct ScriptedProcess {
  Completion<ExitStatus> exited;
  Descriptor channel;       ///< the runtime's end
  Descriptor channel_ours;  ///< the instance's, until it takes it
  Deadline::Clock::time_point executed_at = Deadline::Clock::now();
  long peak_kib = 0;

  ScriptedProcess() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error("socketpair");
    channel_ours = Descriptor(pair[0]);
    channel = Descriptor(pair[1]);
    ::fcntl(pair[0], F_SETFL, O_NONBLOCK);
  }
  void say(std::string_view bytes) const {
    if (::write(channel.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("write");
  }
  void poll() const { say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: kiln\r\n\r\n"); }
};

class ScriptedInstance final : public LaunchedInstance {
 public:
  explicit ScriptedInstance(ScriptedProcess& process) : process_(process) {}
  int pid() const override { return 0; }
  Deadline::Clock::time_point executed_at() const override { return process_.executed_at; }
  void signal(int) override {}
  Completion<ExitStatus>& exited() override { return process_.exited; }
  long peak_memory_kib() const override { return process_.peak_kib; }
  int take_log() override { return -1; }
  std::vector<Descriptor> take_channels() override {
    std::vector<Descriptor> channels;
    channels.push_back(std::move(process_.channel_ours));
    return channels;
  }
  int take_listener() override { return -1; }

 private:
  ScriptedProcess& process_;
};

/// The one there is, whatever a function asks for.
class ScriptedLauncher final : public Launcher, public LauncherChoice {
 public:
  std::variant<Launcher*, LaunchError> choose(const std::string& isolation) const override {
    asked_for = isolation;
    if (refuse_choice) return *refuse_choice;
    return const_cast<ScriptedLauncher*>(this);
  }
  std::string_view name() const override { return "scripted"; }
  InstancePaths paths(const InstanceSpec& spec) const override {
    return {spec.task_root.string(), spec.runtime_root.string(), spec.layers_root.string()};
  }
  Task<LaunchResult> start(InstanceSpec) override {
    ++starts;
    if (refuse) co_return *refuse;
    co_return std::make_unique<ScriptedInstance>(*process);
  }

  ScriptedProcess* process = nullptr;
  std::optional<LaunchError> refuse;
  std::optional<LaunchError> refuse_choice;
  mutable std::string asked_for;
  int starts = 0;
};

}  // namespace kiln::test
