// SPDX-License-Identifier: Apache-2.0
// The one place where the server makes a process.
#pragma once

#include <chrono>
#include <string>
#include <system_error>
#include <vector>

namespace kiln {

/// The number under which a child finds the first of the descriptors it inherits beside the standard ones.
inline constexpr int first_inherited_fd = 3;

struct SpawnRequest {
  std::string executable;
  std::string name;                      ///< argv[0]; empty: the executable
  std::vector<std::string> arguments;    ///< argv[1] and on
  std::vector<std::string> environment;  ///< "KEY=VALUE", complete
  std::string working_directory;
  int input = -1;              ///< becomes stdin; -1: /dev/null
  int output = -1;             ///< becomes stdout, and stderr
  int errors = -1;             ///< becomes stderr instead, where it is one
  std::vector<int> inherited;  ///< become first_inherited_fd and the numbers behind it
  int namespaces = 0;          ///< CLONE_NEW… flags: the namespaces of its own it is to have
  int group = -1;  ///< the folder of a control group (version 2) to be in from the beginning, where that can be
};

struct SpawnResult {
  int pid = -1;
  bool in_group = false;  ///< whether it is in the group that was asked for
  std::error_code error;  ///< set where the program could not be executed; there is no process then
  std::chrono::steady_clock::time_point executed_at;
  /// Until it was executed the child ran on the server's memory, which the kernel counts as the child's: a peak it tells of
  /// the child up to this many KiB may be the server's own.
  long borrowed_peak_kib = 0;
};

/// Starts a process: leader of its own group, killed when the calling thread ends, default signals, no
/// descriptor but the ones asked for. The caller reaps it. Blocks until the program has been executed.
SpawnResult spawn_process(const SpawnRequest& request);

}  // namespace kiln
