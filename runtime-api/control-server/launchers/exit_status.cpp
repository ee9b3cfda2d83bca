// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "runtime-api/control-server/launchers/launcher.hpp"

namespace kiln {
namespace {

/// The words of Go's runtime, which the platform's messages have always used.
std::string signal_words(int signal) {
  switch (signal) {
    case SIGHUP: return "hangup";
    case SIGINT: return "interrupt";
    case SIGQUIT: return "quit";
    case SIGILL: return "illegal instruction";
    case SIGTRAP: return "trace/breakpoint trap";
    case SIGABRT: return "aborted";
    case SIGBUS: return "bus error";
    case SIGFPE: return "floating point exception";
    case SIGKILL: return "killed";
    case SIGUSR1: return "user defined signal 1";
    case SIGSEGV: return "segmentation fault";
    case SIGUSR2: return "user defined signal 2";
    case SIGPIPE: return "broken pipe";
    case SIGALRM: return "alarm clock";
    case SIGTERM: return "terminated";
    case SIGXCPU: return "CPU time limit exceeded";
    case SIGXFSZ: return "file size limit exceeded";
    case SIGSYS: return "bad system call";
    default: return "signal " + std::to_string(signal);
  }
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal != 0) return "signal: " + signal_words(signal);
  if (code != 0) return "exit status " + std::to_string(code);
  return {};
}

}  // namespace kiln
