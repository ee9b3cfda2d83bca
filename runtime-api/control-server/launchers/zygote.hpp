// SPDX-License-Identifier: Apache-2.0
// A zygote as the server sees it: started when it is first needed, replaced when it has aged or died. One thread, always the
// same: the kernel kills what that thread has started when it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln {

struct ZygoteOptions {
  std::filesystem::path program;     ///< the language's zygote
  std::string name;                  ///< what its forks are called: what they would have executed
  std::vector<std::string> modules;  ///< loaded ahead of time
  std::uint32_t inside_uid = 0;      ///< what instances' users are called inside
  // What its heap has become over time, its children inherit.
  std::size_t most_forks = 20'000;
  std::chrono::seconds longest_life{6 * 3600};
};

class Zygote {
 public:
  Zygote(ZygoteOptions options, const OrphanGuard& guard);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// Forks the first process of a sandbox, which has `control` as its socket; returns its number. It is a child of the
  /// calling thread. Blocks: a millisecond, or as long as it takes to start the language where no zygote runs. Throws
  /// std::exception, with the reason, where none can be had.
  int fork(int control);

  /// For tests and for the log: the number of the zygote that runs; -1 where none does.
  int pid() const { return pid_; }

 private:
  void start();
  void end();
  bool has_aged() const;

  const ZygoteOptions options_;
  const OrphanGuard& guard_;
  int pid_ = -1;
  Descriptor control_;
  std::size_t forks_ = 0;  // of this one
  std::chrono::steady_clock::time_point started_;
};

}  // namespace kiln
