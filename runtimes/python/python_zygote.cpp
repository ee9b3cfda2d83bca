// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/python_zygote.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "bootstrap/environment.hpp"
#include "bootstrap/runtime.hpp"
#include "runtimes/python/resumed_function.hpp"

namespace kiln::python {
namespace {

using Variables = std::map<std::string, std::string>;

Variables variables(const sandbox::Program& program) {
  Variables found;
  for (const std::string& entry : program.environment) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos) found[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return found;
}

void enter(const sandbox::Program& program) {
  ::clearenv();  // NOLINT(concurrency-mt-unsafe): one thread yet
  for (const auto& [name, value] : variables(program)) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): likewise
  }
}

}  // namespace

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
  enter(program);
  return run_bootstrap(runtime_);
}

bool PythonZygote::load(const sandbox::Program& program) {
  enter(program);
  loaded_with_ = variables(program);
  const BootstrapEnvironment environment = take_environment();
  // What has been taken is each instance's own, even if it is the same.
  std::erase_if(loaded_with_, [](const auto& variable) {
    return std::getenv(variable.first.c_str()) == nullptr;  // NOLINT(concurrency-mt-unsafe): one thread yet
  });
  if (runtime_.load(environment.function) || runtime_.before_snapshot()) return false;
  runtime_.stand_for_forks();
  return true;
}

int PythonZygote::resume(const sandbox::Program& program) {
  // What the function has changed itself stays as it is.
  const Variables now = variables(program);
  std::vector<std::string> changed;
  for (const auto& [name, value] : loaded_with_) {
    if (now.find(name) != now.end()) continue;
    ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread yet
    changed.push_back(name);
  }
  for (const auto& [name, value] : now) {
    const auto before = loaded_with_.find(name);
    if (before != loaded_with_.end() && before->second == value) continue;
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread yet
    changed.push_back(name);
  }
  ResumedFunction resumed(runtime_, std::move(changed));
  return run_bootstrap(resumed);
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
