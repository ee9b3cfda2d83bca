// SPDX-License-Identifier: Apache-2.0
// Memory, processor and process limits of instances by control groups: one interface over version 1 (a tree for each
// controller) and version 2 (one tree). Any thread, one at a time for each object.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

/// Lets go on whatever is frozen in the groups right below `folder`, of either version. Errors are not told: whoever calls it
/// clears up after a server that is gone.
void thaw_groups(const std::filesystem::path& folder);

/// What an instance may use at most.
struct CgroupLimits {
  int memory_mb = 0;  ///< of processes
  int tmp_mb = 0;     ///< of files in memory, on top
  int processes = 0;  ///< threads count
};

/// Looks at the memory of the processes in a group without the files of one folder, which the hard limit counts too. What
/// they share (files in /dev/shm, memory made to be shared) is theirs. A copy; any thread.
class MemoryWatch {
 public:
  /// Whether they take more than `memory_mb`, but for what is in the file system that `tmp` is of (a descriptor that may be
  /// one of O_PATH). Else `event`, which then becomes readable (an eventfd), is set to the moment from which on they might.
  /// Nothing where that cannot be told, or the group is gone.
  /// May take tens of milliseconds: the kernel waits for a grace period of all its readers.
  std::optional<bool> over(int memory_mb, int tmp, Descriptor& event) const;

 private:
  friend class Cgroup;
  explicit MemoryWatch(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Bytes of theirs.
  std::optional<long long> taken(int tmp) const;

  std::filesystem::path folder_;
};

/// The group of one instance. Moved, not shared.
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroup&&) = default;
  Cgroup& operator=(Cgroup&&) = default;

  /// Whether this is one at all.
  bool exists() const { return version_ != 0; }
  /// Moves a process in. The first move in a while costs milliseconds, which is why it happens ahead of time.
  /// Throws std::system_error.
  void join(int pid) const;
  /// For a process to be made in it, with no move (clone_into.hpp). None where it cannot be, as in version 1.
  Descriptor folder() const;
  /// Throws std::system_error.
  void limit(const CgroupLimits& limits) const;
  /// Nothing where there is no such event (version 2): the hard limit of limit() is all there is.
  std::optional<MemoryWatch> memory_watch() const;
  /// Peak memory in KiB, files in memory included; 0 where it cannot be told.
  long peak_memory_kib() const;
  /// How often the kernel has ended a process of the group for its memory.
  long out_of_memory_kills() const;
  /// How often a process could not be made for the limit.
  long refused_processes() const;
  /// Stops all that is in it where it is, until thaw(); some 0.1 ms. A signal, SIGKILL too, takes effect only after that.
  /// False where there is nothing to do it with.
  bool freeze() const;
  void thaw() const;
  /// Kills all that is in it, until nothing is.
  void kill_all() const;
  /// Removes it; what is in it is killed first. False where the kernel still keeps it: to be tried again later.
  bool remove();

 private:
  friend class CgroupTree;
  struct Folders {  // version 2 has one folder, in all places
    std::filesystem::path memory, cpu, pids;
    std::filesystem::path freezer;  // empty where there is none
    std::vector<std::filesystem::path> distinct() const;
  };
  Cgroup(int version, Folders folders);

  int version_ = 0;
  Folders folders_;
  Descriptor peak_;    // kept open: read after each invocation
  Descriptor events_;  // memory.oom_control, memory.events
};

/// Where the groups of this server's instances are made.
class CgroupTree {
 public:
  struct Where {
    int version = 0;  ///< 1 or 2
    Cgroup::Folders folders() const { return {memory, cpu, pids, freezer}; }
    std::filesystem::path memory, cpu, pids;  ///< the server's own group in each tree
    std::filesystem::path freezer;            ///< likewise; empty where there is none, or none is wanted
    /// Of version 2: what groups are to be limited by, as the kernel wants it written.
    std::string controllers = "+memory +cpu +pids";
  };
  /// Finds the trees by /proc/self/mountinfo and /proc/self/cgroup. Throws std::runtime_error with the reason and the way
  /// out where there are none to be used.
  static Where find();

  /// Makes a group for this server below `where`, and removes those of servers that are gone: each holds a lock on its own as
  /// long as it lives. Groups can be frozen only where it `freezes`: it is one tree more for each process to join.
  /// Version 2: where this process stands in the way of its own group's handing down controllers, it and its children are
  /// moved one down. Throws std::runtime_error.
  explicit CgroupTree(Where where, bool freezes = false);
  /// Removes it.
  ~CgroupTree();
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  int version() const { return where_.version; }
  const Where& where() const { return where_; }
  /// An empty group. Any thread, several at once. Throws std::system_error.
  Cgroup make();

 private:
  /// A folder of a name that nobody else has in any of `parents`, each locked; returns the name.
  std::string claim(const std::vector<std::filesystem::path>& parents);

  Where where_;                    // this server's group
  std::vector<Descriptor> locks_;  // of its folders
  std::atomic<unsigned long> next_ = 0;
};

}  // namespace kiln
