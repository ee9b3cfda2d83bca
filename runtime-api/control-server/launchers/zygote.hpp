// SPDX-License-Identifier: Apache-2.0
// A zygote as the server sees it: started when it is first needed, replaced when it has aged or died. One thread, always the
// same: the kernel kills what that thread has started when it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/serve_forks.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"

namespace kiln {

struct ZygoteOptions {
  SpawnRequest program;               ///< how it is started; the first descriptor it inherits is its socket
  std::function<std::string()> plan;  ///< makes the first message to it, which it answers when it is ready
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

  /// Has it fork as `request` with its `descriptors` says; returns the new process, which is a child of the calling thread, and
  /// whether it is in the control group that was among these. Blocks: a millisecond, or as long as it takes to start the language where no zygote runs. Throws
  /// std::exception, with the reason, where none can be had.
  sandbox::Forked fork(std::string_view request, std::span<const int> descriptors);

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

/// Of a zygote whose forks are first processes of sandboxes: `program` is the language's, `name` what its forks would have
/// executed, `inside_uid` what instances' users are called inside; `modules` are loaded ahead of time. Its requests are
/// sandbox::fork_request with what that says.
ZygoteOptions sandbox_zygote(const std::filesystem::path& program, std::string name, std::vector<std::string> modules,
                             std::uint32_t inside_uid);

}  // namespace kiln
