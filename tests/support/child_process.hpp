// SPDX-License-Identifier: Apache-2.0
// A program under test: its environment is exactly what the test says, and what it prints is kept.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace kiln::test {

struct ExitStatus {
  std::optional<int> code;    ///< of an exit
  std::optional<int> signal;  ///< of a death by signal
};

struct ChildOptions {
  std::vector<std::string> arguments;    ///< the program first
  std::vector<std::string> environment;  ///< NAME=value each; nothing else is inherited
  int inherited_fd = -1;                 ///< left open in the child under its number; closed here once the child has it
  std::vector<int> more_inherited_fds = {};  ///< the same
};

/// Killed, if it still lives, when this goes. Every wait fails the test (by exception) after ten seconds.
class ChildProcess {
 public:
  explicit ChildProcess(const ChildOptions& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  ExitStatus wait();
  /// Whether it has ended; wait() then returns at once.
  bool has_ended() const;
  /// Everything printed so far on stdout and stderr.
  std::string output();
  /// Waits until `text` has been printed.
  void wait_for_output(const std::string& text);

 private:
  bool read_more();

  pid_t pid_ = -1;
  int output_fd_ = -1;
  std::string output_;
};

}  // namespace kiln::test
