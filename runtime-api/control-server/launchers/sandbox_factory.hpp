// SPDX-License-Identifier: Apache-2.0
// Makes sandboxes that wait for a function: a process in namespaces of its own, with its user id, control group, network
// and file system, which has nothing of a function yet.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "runtime-api/control-server/launchers/cgroup.hpp"
#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/network_namespace.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/uid_pool.hpp"
#include "runtime-api/control-server/launchers/zygote.hpp"

namespace kiln {

/// What an instance's user is called inside, where there is a user namespace; the real service has 993 as well.
inline constexpr std::uint32_t sandbox_inside_uid = 993;

/// One that waits. Destroying it kills it, where it has not been handed over (pid -1).
struct PreparedSandbox {
  PreparedSandbox() = default;
  PreparedSandbox(PreparedSandbox&& other) noexcept;
  PreparedSandbox& operator=(PreparedSandbox&&) = delete;
  ~PreparedSandbox();

  /// Whether it can still be launched: it says nothing before, so whatever can be read is its end.
  bool lives() const;

  int pid = -1;                ///< of its first process; its parent is the thread that made it
  long borrowed_peak_kib = 0;  ///< as in SpawnResult
  const OrphanGuard* guard = nullptr;
  UidLease uid;
  Cgroup cgroup;
  NetworkNamespace network;
  Descriptor control;  ///< the socket to its first process (sandbox/messages.hpp)
};

struct SandboxOptions {
  std::filesystem::path init;  ///< the program sandbox-init
  bool user_namespace = true;
  bool cgroup_namespace = true;
  bool landlock = true;
};

class SandboxFactory {
 public:
  /// `groups` may be null: then limits are those of setrlimit. All must outlive it. Throws where no filter can be made.
  SandboxFactory(SandboxOptions options, UidPool& users, CgroupTree* groups, const OrphanGuard& guard);

  /// Blocks for some milliseconds. On one long-lived thread: the kernel kills sandboxes when the thread that made them
  /// ends. Throws std::exception that names the step which failed.
  /// With `zygote`, which belongs to that thread as well, the first process is forked from it, and has a runtime ready: only
  /// that can be launched in it.
  PreparedSandbox make(Zygote* zygote);

  bool has_cgroups() const { return groups_ != nullptr; }

 private:
  void execute_init(PreparedSandbox& made, int control) const;

  const SandboxOptions options_;
  UidPool& users_;
  CgroupTree* const groups_;
  const OrphanGuard& guard_;
  sandbox::PreparePlan plan_;
};

}  // namespace kiln
