// SPDX-License-Identifier: Apache-2.0
// Child processes of the benchmark: they inherit its one core, and end with it whatever happens.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace kiln::bench {

/// Owns a process. The destructor kills and reaps it.
class Child {
 public:
  Child() = default;
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Sends SIGTERM, and SIGKILL where the process has not ended within `patience`. Returns the wait status.
  int stop(std::chrono::milliseconds patience);

 private:
  friend Child run_in_child(const std::function<void()>& body);
  friend Child start_program(const std::vector<std::string>& command, int stdout_fd, int stderr_fd);
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
};

/// Forks; the child runs `body` and ends. Only while this process has one thread.
Child run_in_child(const std::function<void()>& body);

/// Executes `command` (an absolute path first) with these descriptors as its stdout and stderr; -1: /dev/null.
Child start_program(const std::vector<std::string>& command, int stdout_fd, int stderr_fd);

/// Runs `command` to its end and returns what it wrote to stdout and stderr. Throws std::runtime_error with that text
/// where the exit code is not 0. `environment`: NAME=VALUE beside this process's own.
std::string run_program(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});

/// The first core this process may run on becomes the only one, for it and all its children. Returns its number.
int pin_to_one_core();

/// Soft limit of open descriptors up to the hard one. Returns it.
unsigned long raise_descriptor_limit();

}  // namespace kiln::bench
