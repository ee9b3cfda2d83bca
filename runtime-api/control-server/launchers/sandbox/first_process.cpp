// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/first_process.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <system_error>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/mounter.hpp"
#include "runtime-api/control-server/launchers/sandbox/privileges.hpp"
#include "runtime-api/control-server/launchers/sandbox/program.hpp"
#include "runtime-api/control-server/launchers/sandbox/root.hpp"

namespace kiln::sandbox {
namespace {

void reply(ReplyKind kind, int number = 0, std::size_t program = 0, const char* text = "") {
  Reply out;
  out.kind = kind;
  out.number = number;
  out.program = static_cast<std::uint32_t>(program);
  std::snprintf(out.text, sizeof out.text, "%s", text);
  send_message(control_fd, {reinterpret_cast<const char*>(&out), sizeof out});
}

/// What waits for a function.
struct Prepared {
  PreparePlan plan;
  Descriptor mounter;
  std::optional<ReadyRuntime> runtime;
};

Prepared prepare(const FirstProcess& self) {
  const Received message = receive_message(control_fd);
  if (message.bytes.empty()) ::_exit(0);  // the server is gone
  Prepared made;
  decode(message.bytes, made.plan);
  if (message.descriptors.size() != 1 || ::setns(message.descriptors[0].get(), CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(), "setns to the network namespace");
  }
  if (made.plan.cgroup_namespace && ::unshare(CLONE_NEWCGROUP) != 0) {
    throw std::system_error(errno, std::generic_category(), "cgroup namespace");
  }
  if (!self.root_is_made) make_root(made.plan.root);
  fill_root(made.plan.root);
  // The worst is done. Who somebody waits for later must not have to wait for a turn.
  const int own_niceness = ::getpriority(PRIO_PROCESS, 0);
  ::setpriority(PRIO_PROCESS, 0, static_cast<int>(made.plan.niceness) - niceness_offset);
  made.mounter = start_mounter();
  give_up_privileges(made.plan);
  if (self.runtime != nullptr) made.runtime = make_ready(*self.runtime, made.plan, own_niceness);
  return made;
}

/// The server finds this process by its message, gives it what a fork has no right to make, and says so.
Prepared prepare_fork(const FirstProcess& self) {
  reply(ReplyKind::forked);
  if (receive_message(control_fd).bytes.empty()) ::_exit(0);
  Prepared made;
  made.plan = *self.prepared;
  made.plan.syscall_filter = made.plan.fork_filter;
  give_up_the_rest(made.plan);
  made.runtime = make_ready(*self.runtime, made.plan, ::getpriority(PRIO_PROCESS, 0));
  return made;
}

using Programs = std::vector<int>;  // process ids in the order of the launch; 0 once one has ended

/// All are executed; the server gets to know the runtime.
void report_executed(int runtime, std::int64_t at_ns) {
  Reply out;
  out.kind = ReplyKind::executed;
  out.at_ns = at_ns;
  const Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, runtime, 0)));
  const int number = pidfd.get();
  send_message(control_fd, {reinterpret_cast<const char*>(&out), sizeof out}, {&number, pidfd ? 1U : 0U});
}

/// Returns when it was executed.
std::int64_t start(const Prepared& prepared, const LaunchPlan& plan, const ProgramDescriptors& descriptors,
                   Programs& programs) {
  const std::size_t place = programs.size();
  const Started started = start_program(prepared.plan, plan, plan.programs[place], descriptors);
  if (started.error != 0) {
    reply(ReplyKind::not_executed, started.error, place, started.step);
    ::_exit(1);
  }
  programs.push_back(started.pid);
  return started.executed_at_ns;
}

/// Returns when the runtime was executed.
std::int64_t start_programs(const Prepared& prepared, const LaunchPlan& plan, const Received& message,
                            Programs& programs) {
  const std::vector<Descriptor>& descriptors = message.descriptors;
  const std::size_t extensions = plan.programs.size() - 1;
  for (std::size_t i = 0; i < extensions; ++i) start(prepared, plan, {descriptors[i].get(), {}}, programs);
  std::vector<int> of_runtime;
  for (std::size_t i = 0; i <= plan.inherited; ++i) of_runtime.push_back(descriptors[extensions + i].get());
  if (prepared.runtime) {
    programs.push_back(prepared.runtime->pid);
    return hand_over(*prepared.runtime, message.bytes, of_runtime);
  }
  return start(prepared, plan, {of_runtime.front(), {of_runtime.begin() + 1, of_runtime.end()}}, programs);
}

/// Until the server has something to say. Neither of those that wait with this process may end before that.
void await_launch(const Prepared& prepared) {
  pollfd waiting[3] = {{control_fd, POLLIN, 0},
                       {prepared.mounter.get(), POLLIN, 0},
                       {prepared.runtime ? prepared.runtime->socket.get() : -1, POLLIN, 0}};
  while (waiting[0].revents == 0) {
    if (::poll(waiting, 3, -1) < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    if (waiting[1].revents != 0 || waiting[2].revents != 0) {
      throw std::system_error(ECHILD, std::generic_category(), "a process of the sandbox has ended before its launch");
    }
  }
}

/// Waits for the function and starts its programs.
Programs launch(const Prepared& prepared) {
  await_launch(prepared);
  const Received message = receive_message(control_fd);
  if (message.bytes.empty()) ::_exit(0);
  LaunchPlan plan;
  decode(message.bytes, plan);
  const std::size_t first_mount = plan.programs.size() + plan.inherited;
  if (plan.programs.empty() || message.descriptors.size() != first_mount + plan.mounts.size()) {
    throw std::system_error(EBADMSG, std::generic_category(), "descriptors of a launch");
  }
  std::vector<int> mounts;
  for (std::size_t i = first_mount; i < message.descriptors.size(); ++i) mounts.push_back(message.descriptors[i].get());
  if (prepared.mounter) {
    complete_sandbox(prepared.mounter, message.bytes, mounts, prepared.runtime ? prepared.runtime->pid : 0);
  }
  Programs programs;
  const std::int64_t executed_at_ns = start_programs(prepared, plan, message, programs);
  report_executed(programs.back(), executed_at_ns);
  return programs;
}

/// Reaps whoever has ended, and says how programs did. The end of the last is the end of all, but where `others` live here:
/// the forks of a snapshot.
void reap(Programs& programs, bool others) {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) break;
    const auto found = std::find(programs.begin(), programs.end(), ended.si_pid);
    // What a program has left behind in its group goes with it, while the group's number is nobody else's.
    if (found != programs.end()) ::kill(-ended.si_pid, SIGKILL);
    ::waitpid(ended.si_pid, nullptr, 0);
    if (found == programs.end()) continue;
    *found = 0;
    reply(ended.si_code == CLD_EXITED ? ReplyKind::exited : ReplyKind::signalled, ended.si_status,
          static_cast<std::size_t>(found - programs.begin()));
  }
  if (!others && std::all_of(programs.begin(), programs.end(), [](int program) { return program == 0; })) ::_exit(0);
}

void obey(const Programs& programs) {
  const Received message = receive_message(control_fd);
  Order order;
  if (message.bytes.size() != sizeof order) ::_exit(0);  // the server is gone
  std::memcpy(&order, message.bytes.data(), sizeof order);
  if (order.program < programs.size() && programs[order.program] != 0) ::kill(-programs[order.program], order.signal);
}

[[noreturn]] void look_after(Programs programs, int signals, bool others) {
  pollfd waiting[2] = {{signals, POLLIN, 0}, {control_fd, POLLIN, 0}};
  for (;;) {
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) ::_exit(1);
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGCHLD) {
        // From the server's host; to all, as somebody who ends a container means it.
        for (const int program : programs) {
          if (program != 0) ::kill(-program, static_cast<int>(info.ssi_signo));
        }
      }
    }
    reap(programs, others);
    if (waiting[1].revents != 0) obey(programs);
  }
}

/// Every signal is blocked: some are read, the others never delivered.
int open_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  sigset_t read;
  ::sigemptyset(&read);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&read, number);
  return ::signalfd(-1, &read, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

int run_first_process(const FirstProcess& self) {
  const int signals = open_signals();
  ::prctl(PR_SET_DUMPABLE, 0);
  try {
    Prepared prepared = self.prepared != nullptr ? prepare_fork(self) : prepare(self);
    const bool snapshot = self.prepared == nullptr && prepared.plan.snapshot;
    reply(ReplyKind::ready);
    Programs programs = launch(prepared);
    prepared = {};  // the sockets to who is not there any more, or is somebody else
    look_after(std::move(programs), signals, snapshot);
  } catch (const std::system_error& error) {
    reply(ReplyKind::failed, error.code().value(), 0, error.what());
  } catch (const std::exception& error) {
    reply(ReplyKind::failed, 0, 0, error.what());
  }
  return 1;
}

}  // namespace kiln::sandbox
