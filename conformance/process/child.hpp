// SPDX-License-Identifier: Apache-2.0
// A program under test: exactly the given environment, a process group of its own, the end of its output kept.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conformance/wire/socket.hpp"

namespace kiln::conformance {

using Environment = std::map<std::string, std::string>;

/// How a process ended.
struct Ending {
  std::optional<int> code;    ///< of an exit
  std::optional<int> signal;  ///< of a death by signal
  std::string text() const;   ///< "exit status 3", "signal 9"
  bool clean() const { return code == 0; }
};

/// One thread, which must live as long as the child: the kernel kills the child with the thread that made it.
class Child {
 public:
  /// Looked up on PATH, as a shell does. Throws CannotRun where the program cannot be executed.
  Child(const std::vector<std::string>& command, const Environment& environment);
  /// Kills the whole group.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// To every process of the group.
  void signal(int number) const;

  /// What poll(2) is to watch for this child: its end, its output.
  void watch(std::vector<pollfd>& into) const;
  /// Reads what is there of the output, and notes an end.
  void attend();

  const std::optional<Ending>& ending() const { return ending_; }
  /// Nobody holds the output any more: all processes of the group have ended.
  bool output_closed() const { return !output_.is_open(); }
  /// The last of what was printed, at most a few KiB.
  const std::string& printed() const { return printed_; }

  /// Waits; whether it has ended by then.
  bool wait(Deadline deadline);

 private:
  void read_output();

  pid_t pid_ = -1;
  Socket exit_;    // a pidfd
  Socket output_;  // the reading end of a pipe
  std::optional<Ending> ending_;
  std::string printed_;
};

/// This process's own environment.
Environment current_environment();

}  // namespace kiln::conformance
