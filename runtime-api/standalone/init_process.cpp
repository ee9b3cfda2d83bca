// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/init_process.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>

namespace kiln::standalone {
namespace {

/// Does not return.
[[noreturn]] void attend(pid_t server, const sigset_t& awaited) {
  for (;;) {
    int number = 0;
    if (::sigwait(&awaited, &number) != 0) continue;
    if (number != SIGCHLD) {
      ::kill(server, number);
      continue;
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != server) continue;
      // What the container's other processes still do ends with PID 1.
      ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
  }
}

}  // namespace

void become_init() {
  if (::getpid() != 1) return;
  sigset_t awaited;
  sigset_t before;
  ::sigemptyset(&awaited);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&awaited, number);
  ::pthread_sigmask(SIG_BLOCK, &awaited, &before);
  const pid_t server = ::fork();
  if (server < 0) {
    std::perror("kiln: cannot fork");
    ::_exit(1);
  }
  if (server > 0) attend(server, awaited);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace kiln::standalone
