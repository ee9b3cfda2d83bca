// SPDX-License-Identifier: Apache-2.0
// clone(CLONE_VM | CLONE_VFORK) rather than fork: the server's page tables are not copied, so a cold start costs the same
// however large the server is, and the child's errno comes back through the shared memory (ADR 0003).
#include "runtime-api/control-server/launchers/spawn_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime-api/control-server/launchers/clone_into.hpp"
#include "runtime-api/control-server/launchers/execute.hpp"

namespace kiln {
namespace {

constexpr std::size_t child_stack = 64 * 1024;

/// Everything the child needs, made before it exists: it shares our memory and must not allocate.
struct ChildSetup {
  const SpawnRequest& request;
  char* const* arguments;
  char* const* environment;
  std::vector<int>& inherited;
  pid_t parent;
  int error = 0;
  std::chrono::steady_clock::time_point executed_at = {};
};

/// Returns the errno of the step that failed; does not return where the program was executed.
int become(ChildSetup& setup) {
  const SpawnRequest& request = setup.request;
  if (::setpgid(0, 0) != 0) return errno;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  // Has the server gone between clone and prctl? In a pid namespace of its own a process sees no parent; it finds the
  // other end of its channel closed instead.
  if ((request.namespaces & CLONE_NEWPID) == 0 && ::getppid() != setup.parent) return ECHILD;
  const int input = request.input >= 0 ? request.input : ::open("/dev/null", O_RDONLY);
  if (input < 0 || ::dup2(input, STDIN_FILENO) < 0) return errno;
  const int errors = request.errors >= 0 ? request.errors : request.output;
  if (::dup2(request.output, STDOUT_FILENO) < 0 || ::dup2(errors, STDERR_FILENO) < 0) return errno;
  const int first_unused = first_inherited_fd + static_cast<int>(setup.inherited.size());
  // Out of the way first: one may stand where another is to go.
  for (int& descriptor : setup.inherited) {
    if (descriptor < first_unused) descriptor = ::fcntl(descriptor, F_DUPFD_CLOEXEC, first_unused);
    if (descriptor < 0) return errno;
  }
  int number = first_inherited_fd;
  for (const int descriptor : setup.inherited) {
    if (::dup2(descriptor, number++) < 0) return errno;
  }
  if (::syscall(SYS_close_range, static_cast<unsigned>(first_unused), ~0U, 0U) != 0) return errno;
  if (::chdir(request.working_directory.c_str()) != 0) return errno;
  for (int signal_number = 1; signal_number < NSIG; ++signal_number) ::signal(signal_number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  // Woken by an event it does not push the data plane aside, which has other events to hand out: it gets its turn when that
  // waits, or on another core. Its share of the time is the same.
  const sched_param none_of_it{};
  ::sched_setscheduler(0, SCHED_BATCH, &none_of_it);
  // By the child: its parent may be told of the execution only after the program has done its work.
  setup.executed_at = std::chrono::steady_clock::now();
  execute(request.executable.c_str(), setup.arguments, setup.environment);
  return errno;
}

int child_main(void* argument) {
  auto& setup = *static_cast<ChildSetup*>(argument);
  setup.error = become(setup);
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts, const std::string* first = nullptr) {
  std::vector<char*> out;
  if (first) out.push_back(const_cast<char*>(first->c_str()));
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

SpawnResult spawn_process(const SpawnRequest& request) {
  const auto arguments = pointers(request.arguments, request.name.empty() ? &request.executable : &request.name);
  const auto environment = pointers(request.environment);
  std::vector<int> inherited = request.inherited;
  ChildSetup setup{request, arguments.data(), environment.data(), inherited, ::getpid(), 0, {}};
  const auto stack = std::make_unique<std::byte[]>(child_stack);

  // A handler of ours that ran in the child would run on our memory.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  SpawnResult result;
  int pid = -1;
  if (request.group >= 0) {
    const auto namespaces = static_cast<std::uint64_t>(request.namespaces);
    pid = clone_into(request.group, namespaces, SIGCHLD, stack.get(), child_stack, child_main, &setup);
    result.in_group = pid > 0;
  }
  if (pid < 0) {
    pid = ::clone(child_main, stack.get() + child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD | request.namespaces, &setup);
  }
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) {
    result.error = std::error_code(clone_error, std::generic_category());
  } else if (setup.error != 0) {
    ::waitpid(pid, nullptr, 0);
    result.error = std::error_code(setup.error, std::generic_category());
  } else {
    result.pid = pid;
    result.executed_at = setup.executed_at;
    rusage own{};
    if (::getrusage(RUSAGE_SELF, &own) == 0) result.borrowed_peak_kib = own.ru_maxrss;
  }
  return result;
}

}  // namespace kiln
