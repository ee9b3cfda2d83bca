// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/program.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/execute.hpp"

namespace kiln::sandbox {
namespace {

constexpr int first_inherited = 3;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

bool set_limit(__rlimit_resource resource, rlim_t value) {
  const rlimit limit{value, value};
  return ::setrlimit(resource, &limit) == 0;
}

bool set_limits(const LaunchPlan& launch) {
  if (launch.data_mb != 0 && !set_limit(RLIMIT_DATA, rlim_t{launch.data_mb} * 1024 * 1024)) return false;
  return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, launch.open_files) &&
         set_limit(RLIMIT_NPROC, launch.processes) && set_limit(RLIMIT_MSGQUEUE, 0) &&
         set_limit(RLIMIT_MEMLOCK, 64 * 1024) && set_limit(RLIMIT_NICE, 0) && set_limit(RLIMIT_RTPRIO, 0);
}

bool close_range(unsigned first, unsigned last, unsigned flags) {
  return ::syscall(SYS_close_range, first, last, flags) == 0;
}

/// Moves `descriptor` up where it stands in the way of what goes below `first_free`.
bool clear_the_way(int& descriptor, int first_free) {
  if (descriptor < first_free) descriptor = ::fcntl(descriptor, F_DUPFD_CLOEXEC, first_free);
  return descriptor >= 0;
}

bool filter_system_calls(const std::string& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size() / sizeof(sock_filter)),
                           reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()))};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// What a child says on its way to become the program: when it tries, and then, if it must, why it cannot.
struct Progress {
  int error = 0;
  const char* step = "";  // a literal: the same address in parent and child
  std::int64_t at_ns = 0;
};

void say(int pipe, const Progress& progress) {
  [[maybe_unused]] const ssize_t sent = ::write(pipe, &progress, sizeof progress);
}

/// The child: does not return.
[[noreturn]] void become(const PreparePlan& prepared, const LaunchPlan& launch, const Program& program,
                         const ProgramDescriptors& descriptors, int progress) {
  const auto arguments = pointers(program.arguments);
  const auto environment = pointers(program.environment);
  const char* step = become_this_program(launch, program, descriptors, progress);
  if (step == nullptr) step = become_some_program(prepared);
  if (step == nullptr) {
    say(progress, {0, "", monotonic_ns()});
    execute(program.executable.c_str(), arguments.data(), environment.data());
    step = "execve";
  }
  say(progress, {errno, step, 0});
  ::_exit(127);
}

}  // namespace

bool place_descriptors(ProgramDescriptors descriptors, int& kept) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) return false;
  if (::dup2(descriptors.output, STDOUT_FILENO) < 0 || ::dup2(descriptors.output, STDERR_FILENO) < 0) return false;
  const int first_private = first_inherited + static_cast<int>(descriptors.inherited.size());
  if (!clear_the_way(kept, first_private)) return false;
  for (int& descriptor : descriptors.inherited) {
    if (!clear_the_way(descriptor, first_private)) return false;
  }
  int number = first_inherited;
  for (const int descriptor : descriptors.inherited) {
    if (::dup2(descriptor, number++) < 0) return false;
  }
  // What is left of ours, the socket to the server among it, goes when the program is executed.
  return close_range(static_cast<unsigned>(first_private), ~0U, CLOSE_RANGE_CLOEXEC);
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  unblock_signals();
}

const char* become_some_program(const PreparePlan& prepared, Handlers handlers) {
  if (::setsid() < 0) return "setsid";
  if (handlers == Handlers::reset) {
    ::umask(022);
    reset_signals();
  }
  unblock_signals();
  return filter_system_calls(prepared.syscall_filter) ? nullptr : "system-call filter";
}

const char* become_this_program(const LaunchPlan& launch, const Program& program, const ProgramDescriptors& descriptors,
                                int& kept) {
  if (!place_descriptors(descriptors, kept)) return "placing descriptors";
  if (!set_limits(launch)) return "setrlimit";
  return ::chdir(program.working_directory.c_str()) == 0 ? nullptr : "chdir";
}

void close_from(int first, std::span<const int> kept) {
  auto from = static_cast<unsigned>(first);
  for (const int descriptor : kept) {
    const auto number = static_cast<unsigned>(descriptor);
    if (number < from) continue;
    if (number > from) close_range(from, number - 1, 0);
    from = number + 1;
  }
  close_range(from, ~0U, 0);
}

void close_all_but(const ProgramDescriptors& descriptors, std::span<const int> kept) {
  close_from(first_inherited + static_cast<int>(descriptors.inherited.size()), kept);
}

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

Started start_program(const PreparePlan& prepared, const LaunchPlan& launch, const Program& program,
                      const ProgramDescriptors& descriptors) {
  Started started;
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return {-1, errno, "pipe2"};
  const Descriptor read_end(pipe[0]);
  Descriptor write_end(pipe[1]);
  started.pid = ::fork();
  if (started.pid == 0) become(prepared, launch, program, descriptors, write_end.get());
  if (started.pid < 0) return {-1, errno, "fork"};
  write_end.reset();
  Progress progress;
  ssize_t n = 0;
  // Until the program is executed, which closes the pipe.
  while ((n = ::read(read_end.get(), &progress, sizeof progress)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || progress.error != 0) break;
    started.executed_at_ns = progress.at_ns;
  }
  if (n == 0 && started.executed_at_ns != 0) return started;
  // Neither executed nor able to say why: somebody has killed it.
  ::waitpid(started.pid, nullptr, 0);
  return {-1, n > 0 ? progress.error : ECHILD, n > 0 ? progress.step : "ended before it was the program"};
}

}  // namespace kiln::sandbox
