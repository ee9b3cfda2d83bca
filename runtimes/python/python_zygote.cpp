// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/python_zygote.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "bootstrap/runtime.hpp"

namespace kiln::python {

void PythonZygote::warm(const std::vector<std::string>& modules) {
  start_on_pipes();
  runtime_.warm(modules);
}

void PythonZygote::forked() {
  // As an executed program would: it can be looked at by its own user, and is called by its own name.
  ::prctl(PR_SET_DUMPABLE, 1);
  ::prctl(PR_SET_NAME, "bootstrap");
  runtime_.after_fork(ForkSide::child);
}

int PythonZygote::run(const sandbox::Program& program) {
  ::clearenv();  // NOLINT(concurrency-mt-unsafe): one thread yet
  for (const std::string& entry : program.environment) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) continue;
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
  }
  return run_bootstrap(runtime_);
}

/// Python's streams find out once what their descriptors are; those of instances are pipes.
void PythonZygote::start_on_pipes() {
  int pipe[2];
  const int said_to = ::dup(STDERR_FILENO);
  if (said_to < 0 || ::pipe2(pipe, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(pipe[1], stream);
  runtime_.start();
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(said_to, stream);
  for (const int done_with : {pipe[0], pipe[1], said_to}) ::close(done_with);
}

}  // namespace kiln::python
