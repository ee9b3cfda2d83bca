// SPDX-License-Identifier: Apache-2.0
// container-monitor: the process beside each container. It has a container runtime start it, becomes its parent, passes
// signals on, says how it ended, and clears away what is left. It outlives the server by the moment that takes.
// usage: container-monitor CONTROL-FD RUNTIME STATE-FOLDER BUNDLE ID DESCRIPTORS
// Standard output and error, and the DESCRIPTORS numbers from 3 on, are the container's.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/container/group_figures.hpp"
#include "runtime-api/control-server/launchers/container/report.hpp"

namespace {

using namespace kiln;
using namespace kiln::container;

struct Arguments {
  int control = -1;
  std::string runtime, state, bundle, id, descriptors;
};

void say(int control, const Report& report) { ::send(control, &report, sizeof report, MSG_NOSIGNAL); }

/// What has lost its parent is ours (the subreaper's): all that a runtime which was killed had begun.
void kill_children() {
  for (;;) {
    std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    int killed = 0;
    for (int pid = 0; list >> pid; ++killed) {
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (killed == 0) return;
  }
}

/// Waits until the container runtime `pid` has ended. One that is still at it when the server has given up the container, or
/// after `limit_ms` (-1: none), is killed with all it has begun.
int wait_for_runtime(int pid, int control, int limit_ms) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd watched[2] = {{pidfd, POLLIN, 0}, {control, 0, 0}};  // of the socket its end alone
  int ready = 0;
  while (pidfd >= 0 && (ready = ::poll(watched, 2, limit_ms)) < 0 && errno == EINTR) {
  }
  const bool ended = pidfd < 0 || (watched[0].revents & POLLIN) != 0;
  if (pidfd >= 0) ::close(pidfd);
  if (!ended) ::kill(pid, SIGKILL);
  int how = 0;
  while (::waitpid(pid, &how, 0) < 0 && errno == EINTR) {
  }
  if (!ended) kill_children();
  return how;
}

struct Patience {
  int control = -1;  ///< the socket whose end ends it
  int limit_ms = -1;
};

/// Runs the container runtime and waits for it; its exit status.
int run_runtime(const Arguments& arguments, const std::vector<std::string>& command, bool silent, Patience patience) {
  std::vector<std::string> words = {arguments.runtime, "--root", arguments.state};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    if (silent) {
      const int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, STDOUT_FILENO);
      ::dup2(null, STDERR_FILENO);
    }
    ::execv(arguments.runtime.c_str(), pointers.data());
    ::_exit(127);
  }
  const int how = pid < 0 ? 0x7F00 : wait_for_runtime(pid, patience.control, patience.limit_ms);
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

void clear_away(const Arguments& arguments) {
  constexpr int limit_ms = 10'000;
  run_runtime(arguments, {"delete", "--force", arguments.id}, true, {-1, limit_ms});
}

/// The container's first process, which is our child as soon as the runtime has ended.
int start(const Arguments& arguments) {
  const std::string pid_file = arguments.bundle + "/pid";
  const int status = run_runtime(arguments,
                                 {"run", "--detach", "--pid-file", pid_file, "--preserve-fds", arguments.descriptors,
                                  "--bundle", arguments.bundle, arguments.id},
                                 false, {arguments.control, -1});
  int pid = 0;
  std::ifstream(pid_file) >> pid;
  if (status != 0 || pid <= 0) {
    Report report;
    report.kind = ReportKind::not_started;
    report.number = status;
    clear_away(arguments);
    say(arguments.control, report);
    ::_exit(1);
  }
  return pid;
}

/// Waits until process `pid` has ended, and passes on what the server wants it to be told meanwhile.
int wait_for(int pid, int control, int signals) {
  pollfd watched[2] = {{control, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) std::abort();
    // First: what has been reaped must not be told anything.
    signalfd_siginfo ignored{};
    if ((watched[1].revents & POLLIN) != 0 && ::read(signals, &ignored, sizeof ignored) > 0) {
      int how = 0;
      for (pid_t ended = 0; (ended = ::waitpid(-1, &how, WNOHANG)) > 0;) {
        if (ended == pid) return how;
      }
    }
    if (watched[0].revents == 0) continue;
    int number = 0;
    const ssize_t n = ::recv(control, &number, sizeof number, MSG_DONTWAIT);
    if (n == static_cast<ssize_t>(sizeof number)) {
      ::kill(pid, number);
    } else if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
      ::kill(pid, SIGKILL);
      watched[0].fd = -1;  // the server is gone, or wants it to be
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 7) return 2;
  const Arguments arguments{std::atoi(words[1]), words[2], words[3], words[4], words[5], words[6]};
  ::fcntl(arguments.control, F_SETFD, FD_CLOEXEC);
  // The server's end is the end of the socket: there is something to be done yet.
  ::prctl(PR_SET_PDEATHSIG, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
  const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

  const int pid = start(arguments);
  Report report;
  report.number = pid;
  report.at_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  say(arguments.control, report);
  // The container's alone from here on: their ends are events for the server.
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
  for (int inherited = 3; inherited < arguments.control; ++inherited) ::close(inherited);
  const GroupFigures figures(pid);

  const int how = wait_for(pid, arguments.control, signals);
  report = {};
  report.kind = WIFEXITED(how) ? ReportKind::exited : ReportKind::signalled;
  report.number = WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how);
  report.peak_kib = figures.peak_kib();
  report.oom_kills = figures.oom_kills();
  say(arguments.control, report);
  clear_away(arguments);
  return 0;
}
