// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/zygote_process.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "runtime-api/control-server/launchers/clone_into.hpp"
#include "runtime-api/control-server/launchers/sandbox/first_process.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/privileges.hpp"
#include "runtime-api/control-server/launchers/sandbox/root.hpp"
#include "runtime-api/control-server/launchers/sandbox/serve_forks.hpp"

namespace kiln::sandbox {
namespace {

/// A fork of a process with threads would hold locks that nobody is there to release.
void require_one_thread() {
  // The kernel refuses this to a process with several, and does nothing to one with a single thread.
  if (::unshare(CLONE_VM) != 0) throw std::runtime_error("a module that is loaded ahead of time has started a thread");
}

/// The new first process: does not return.
[[noreturn]] void begin_sandbox(WarmRuntime& runtime, const Descriptor& control) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "sandbox-init");
  // What the zygote says is said to the operator; nobody is to hear a sandbox but its server.
  ::dup2(STDIN_FILENO, STDOUT_FILENO);
  ::dup2(STDIN_FILENO, STDERR_FILENO);
  ::dup2(control.get(), control_fd);
  ::syscall(SYS_close_range, static_cast<unsigned>(control_fd + 1), ~0U, 0U);
  ::_exit(run_first_process({&runtime, true}));
}

/// Not by the C library, whose fork takes no flags. What it would have done for the child, the next fork there does.
/// Returns as fork does.
long clone_sandbox(int group, bool& in_group) {
  constexpr unsigned long flags = CLONE_PARENT | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  // A child of this one's parent has this one's exit signal (clone3 takes none, clone does not look at it).
  const long pid = group >= 0 ? fork_into(group, flags, 0) : -1;
  in_group = pid >= 0;
  return in_group ? pid : ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
}

Forked fork_sandbox(WarmRuntime& runtime, const Received& request) {
  if (request.descriptors.empty()) throw std::runtime_error("a request without its socket");
  const int group = request.descriptors.size() > 1 ? request.descriptors[1].get() : -1;
  runtime.before_fork();
  Forked forked;
  const long pid = clone_sandbox(group, forked.in_group);
  if (pid == 0) begin_sandbox(runtime, request.descriptors.front());
  const int error = errno;
  runtime.after_fork();
  forked.pid = pid > 0 ? static_cast<int>(pid) : -error;
  return forked;
}

void prepare(WarmRuntime& runtime, const ZygotePlan& plan) {
  make_root(plan.root);
  seal_root();
  keep_what_sandboxes_need();
  runtime.warm(plan.modules);
  require_one_thread();
}

}  // namespace

int run_zygote(WarmRuntime& runtime) {
  return serve_forks([&](const ZygotePlan& plan) { prepare(runtime, plan); },
                     [&](const Received& request) { return fork_sandbox(runtime, request); });
}

}  // namespace kiln::sandbox
