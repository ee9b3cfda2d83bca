// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/process_zygote.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/program.hpp"
#include "runtime-api/control-server/launchers/sandbox/serve_forks.hpp"

namespace kiln::sandbox {
namespace {

[[noreturn]] void fail(const char* step) { throw std::system_error(errno, std::generic_category(), step); }

/// What the kernel knows of a thread by its address. The C library's fork renews it, but can make no process a child of somebody
/// else; so it is done here.
struct ThreadRecords {
  void* id = nullptr;  ///< where the C library keeps the thread's number
  void* robust_mutexes = nullptr;
  std::size_t robust_size = 0;
};

/// Throws std::system_error where the kernel does not tell (gVisor, and kernels without checkpointing).
ThreadRecords own_records() {
  ThreadRecords own;
  if (::prctl(PR_GET_TID_ADDRESS, &own.id, 0, 0, 0) != 0) fail("prctl(PR_GET_TID_ADDRESS)");
  if (::syscall(SYS_get_robust_list, 0, &own.robust_mutexes, &own.robust_size) != 0) fail("get_robust_list");
  return own;
}

/// Returns as fork does.
long fork_sibling(const ThreadRecords& own) {
  constexpr unsigned long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
#if defined(__x86_64__)
  const long pid = ::syscall(SYS_clone, flags, nullptr, nullptr, own.id, nullptr);
#else
  const long pid = ::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, own.id);
#endif
  if (pid == 0) ::syscall(SYS_set_robust_list, own.robust_mutexes, own.robust_size);
  return pid;
}

/// A fork of a process with threads would hold locks that nobody is there to release.
void require_one_thread() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  if (std::distance(begin(threads), end(threads)) != 1) throw std::runtime_error("the warmed runtime has threads");
}

/// Why the new process cannot be the program; null where it is all but its environment.
const char* become(const Program& program, const ProgramDescriptors& descriptors, pid_t parent) {
  if (::setpgid(0, 0) != 0) return "setpgid";
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "prctl";
  if (::getppid() != parent) {
    errno = ECHILD;
    return "its parent";
  }
  int socket = control_fd;
  if (!place_descriptors(descriptors, socket)) return "placing descriptors";
  close_all_but(descriptors);
  reset_signals();
  // As spawn_process does, and for its reason.
  const sched_param none_of_it{};
  ::sched_setscheduler(0, SCHED_BATCH, &none_of_it);
  return ::chdir(program.working_directory.c_str()) == 0 ? nullptr : "chdir";
}

/// The new process: returns its exit code.
int run_instance(WarmRuntime& runtime, Received& request, pid_t parent) {
  LaunchPlan launch;
  decode(request.bytes, launch);
  const Program& program = launch.programs.at(0);
  ProgramDescriptors descriptors;
  descriptors.output = request.descriptors.at(0).release();
  for (std::size_t i = 1; i < request.descriptors.size(); ++i) {
    descriptors.inherited.push_back(request.descriptors[i].release());
  }
  if (const char* const step = become(program, descriptors, parent)) {
    ::dprintf(descriptors.output, "The instance could not be forked: %s: %s\n", step,
              std::generic_category().message(errno).c_str());
    return 1;
  }
  runtime.forked();
  return runtime.run(program);
}

Forked fork_instance(WarmRuntime& runtime, const ThreadRecords& own, Received& request, pid_t parent) {
  runtime.before_fork();
  const long pid = fork_sibling(own);
  if (pid == 0) {
    try {
      ::_exit(run_instance(runtime, request, parent));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "The instance could not be forked: %s\n", error.what());
      ::_exit(1);
    }
  }
  const int error = errno;
  runtime.after_fork();
  return {pid > 0 ? static_cast<int>(pid) : -error};
}

}  // namespace

bool has_zygote_socket() {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(control_fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int run_process_zygote(WarmRuntime& runtime) {
  const pid_t parent = ::getppid();
  ThreadRecords own;
  return serve_forks(
      [&](const ZygotePlan& plan) {
        own = own_records();
        runtime.warm(plan.modules);
        require_one_thread();
      },
      [&](Received& request) { return fork_instance(runtime, own, request, parent); });
}

}  // namespace kiln::sandbox
