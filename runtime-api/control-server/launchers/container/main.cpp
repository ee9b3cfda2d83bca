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

#include "runtime-api/control-server/launchers/container/memory_figures.hpp"
#include "runtime-api/control-server/launchers/container/report.hpp"

namespace {

using namespace kiln;
using namespace kiln::container;

struct Arguments {
  int control = -1;
  std::string runtime, state, bundle, id, descriptors;
};

void say(int control, const Report& report) { ::send(control, &report, sizeof report, MSG_NOSIGNAL); }

/// Runs the container runtime and waits for it; its exit status.
int run_runtime(const Arguments& arguments, const std::vector<std::string>& command, bool silent) {
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
  int how = 0;
  while (::waitpid(pid, &how, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

void clear_away(const Arguments& arguments) { run_runtime(arguments, {"delete", "--force", arguments.id}, true); }

/// The container's first process, which is our child as soon as the runtime has ended.
int start(const Arguments& arguments) {
  const std::string pid_file = arguments.bundle + "/pid";
  const int status = run_runtime(arguments,
                                 {"run", "--detach", "--pid-file", pid_file, "--preserve-fds", arguments.descriptors,
                                  "--bundle", arguments.bundle, arguments.id},
                                 false);
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
  const MemoryFigures figures(pid);

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
