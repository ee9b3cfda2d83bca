// SPDX-License-Identifier: Apache-2.0
// The Python zygote: the bootstrap's interpreter, started ahead of time, and forked into a sandbox for each instance.
#include "runtime-api/control-server/launchers/sandbox/zygote_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "bootstrap/runtime.hpp"
#include "runtimes/python/python_runtime.hpp"

namespace {

using namespace kiln;

class PythonZygote final : public sandbox::WarmRuntime {
 public:
  explicit PythonZygote(python::PythonRuntime& runtime) : runtime_(runtime) {}

  void warm(const std::vector<std::string>& modules) override {
    start_on_pipes();
    runtime_.warm(modules);
  }
  void before_fork() override { runtime_.before_fork(); }
  void after_fork() override { runtime_.after_fork(ForkSide::parent); }

  void rehearse() override {
    // As an executed program would: it can be looked at by its own user, and is called by its own name.
    ::prctl(PR_SET_DUMPABLE, 1);
    ::prctl(PR_SET_NAME, "bootstrap");
    runtime_.after_fork(ForkSide::child);
    runtime_.rehearse();
  }

  int run(const sandbox::Program& program) override {
    ::clearenv();  // NOLINT(concurrency-mt-unsafe): one thread yet
    for (const std::string& entry : program.environment) {
      const auto equals = entry.find('=');
      if (equals == std::string::npos) continue;
      // NOLINTNEXTLINE(concurrency-mt-unsafe)
      ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
    }
    return run_bootstrap(runtime_);
  }

 private:
  /// Python's streams find out once what their descriptors are; those of instances are pipes.
  void start_on_pipes() {
    int pipe[2];
    const int said_to = ::dup(STDERR_FILENO);
    if (said_to < 0 || ::pipe2(pipe, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(pipe[1], stream);
    runtime_.start();
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(said_to, stream);
    for (const int done_with : {pipe[0], pipe[1], said_to}) ::close(done_with);
  }

  python::PythonRuntime& runtime_;
};

}  // namespace

int main() {
  // What the bootstrap is to an instance that executes it.
  python::PythonRuntime runtime("/var/runtime/bootstrap");
  PythonZygote zygote(runtime);
  // Not exit, for the same reason as in the bootstrap.
  ::_exit(sandbox::run_zygote(zygote));
}
