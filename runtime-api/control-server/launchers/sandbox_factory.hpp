// SPDX-License-Identifier: Apache-2.0
// Makes sandboxes that wait for a function: a process in namespaces of its own, with its user id, control group, network
// and file system, which has nothing of a function yet.
#pragma once

#include <chrono>
#include <cstdint>
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
  Descriptor pidfd;            ///< of one that a snapshot has forked, whose child it then is
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

/// What a sandbox is made for: an instance, one that somebody waits for, a function's snapshot.
enum class SandboxUse { instance, awaited, snapshot };

/// A snapshot that is to fork.
struct SnapshotSource {
  int control = -1;       ///< the socket that it serves (sandbox/snapshot_process.hpp)
  std::uint32_t uid = 0;  ///< of its sandbox, and so of its forks
  std::uint32_t tmp_mb = 0;
  std::uint32_t tmp_files = 0;
};

class SandboxFactory {
 public:
  /// `groups` may be null: then limits are those of setrlimit. All must outlive it. Throws where no filter can be made.
  SandboxFactory(SandboxOptions options, UidPool& users, CgroupTree* groups, const OrphanGuard& guard);

  /// Blocks for some milliseconds. On one long-lived thread: the kernel kills sandboxes when the thread that made them
  /// ends. Throws std::exception that names the step which failed.
  /// With `zygote`, which belongs to that thread as well, the first process is forked from it, and has a runtime ready: only
  /// that can be launched in it.
  PreparedSandbox make(Zygote* zygote, SandboxUse use = SandboxUse::instance);

  /// Has a snapshot fork a sandbox, with the function in it. Any long-lived thread. Blocks for some milliseconds, and at most for
  /// `limit`, since the function has a say in it. Throws std::exception with the reason.
  PreparedSandbox fork(const SnapshotSource& snapshot, std::chrono::milliseconds limit);

  bool has_cgroups() const { return groups_ != nullptr; }

 private:
  /// Returns whether it is in `group` already (SpawnRequest).
  bool execute_init(PreparedSandbox& made, int control, int group) const;
  /// As the host was a moment ago. On the thread of make().
  const sandbox::RootLayout& root_for(std::uint32_t inside_uid);
  void complete(const PreparedSandbox& made, const SnapshotSource& snapshot) const;

  const SandboxOptions options_;
  UidPool& users_;
  CgroupTree* const groups_;
  const OrphanGuard& guard_;
  sandbox::PreparePlan plan_;
  const std::string snapshot_filter_;
  sandbox::RootLayout root_;
  std::uint32_t root_uid_ = 0;
  std::chrono::steady_clock::time_point look_again_;
};

}  // namespace kiln
