// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/cgroup.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/cgroup_files.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {

using namespace cgroup_files;

namespace {

namespace fs = std::filesystem;

constexpr long long mib = 1024LL * 1024;
using limits::memory_mb_of_one_cpu;
constexpr long long smallest_step = mib;
constexpr int period_us = 100'000;

/// The shares of processor time grow with memory, and so does the number of processors it may fill.
long long cpu_shares(int memory_mb) { return std::max(2LL, 1024LL * memory_mb / memory_mb_of_one_cpu); }
long long cpu_quota_us(int memory_mb) {
  return static_cast<long long>(period_us) * std::max(1, (memory_mb + memory_mb_of_one_cpu - 1) / memory_mb_of_one_cpu);
}

}  // namespace

void thaw_groups(const fs::path& folder) {
  std::error_code error;
  for (const auto& group : fs::directory_iterator(folder, error)) {
    for (const auto& [file, value] : {std::pair("freezer.state", "THAWED"), std::pair("cgroup.freeze", "0")}) {
      const Descriptor state(::open((group.path() / file).c_str(), O_WRONLY | O_CLOEXEC));
      if (!state) continue;
      [[maybe_unused]] const ssize_t ignored = ::write(state.get(), value, std::strlen(value));
    }
  }
}

/// Each different folder once.
std::vector<fs::path> Cgroup::Folders::distinct() const {
  std::vector<fs::path> all = {memory, cpu, pids, freezer};
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::erase(all, fs::path());
  return all;
}

// --- one group ---------------------------------------------------------------------------------------------------------

Cgroup::Cgroup(int version, Folders folders) : version_(version), folders_(std::move(folders)) {
  const bool first = version_ == 1;
  peak_ = Descriptor(
      ::open((folders_.memory / (first ? "memory.max_usage_in_bytes" : "memory.peak")).c_str(), O_RDONLY | O_CLOEXEC));
  events_ = Descriptor(
      ::open((folders_.memory / (first ? "memory.oom_control" : "memory.events")).c_str(), O_RDONLY | O_CLOEXEC));
}

void Cgroup::join(int pid) const {
  for (const fs::path& folder : folders_.distinct()) {
    write_number(folder / "cgroup.procs", pid);
  }
}

Descriptor Cgroup::folder() const {
  if (version_ != 2) return {};
  return Descriptor(::open(folders_.memory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void Cgroup::limit(const CgroupLimits& limits) const {
  // Files in /tmp are memory too, and the kernel counts them with the rest.
  const long long memory = (static_cast<long long>(limits.memory_mb) + limits.tmp_mb) * mib;
  write_number(folders_.pids / "pids.max", limits.processes);
  if (version_ == 1) {
    write_number(folders_.memory / "memory.limit_in_bytes", memory);
    // Not every kernel counts swap; where it does, the limit is for both.
    if (::access((folders_.memory / "memory.memsw.limit_in_bytes").c_str(), W_OK) == 0) {
      write_number(folders_.memory / "memory.memsw.limit_in_bytes", memory);
    }
    write_number(folders_.cpu / "cpu.shares", cpu_shares(limits.memory_mb));
    write_number(folders_.cpu / "cpu.cfs_quota_us", cpu_quota_us(limits.memory_mb));
    return;
  }
  write_number(folders_.memory / "memory.max", memory);
  if (::access((folders_.memory / "memory.swap.max").c_str(), W_OK) == 0) {
    write_number(folders_.memory / "memory.swap.max", 0);
  }
  // Shares of 1024 are a weight of 100.
  const long long weight = std::clamp(cpu_shares(limits.memory_mb) * 100 / 1024, 1LL, 10'000LL);
  write_number(folders_.cpu / "cpu.weight", weight);
  write_value(folders_.cpu / "cpu.max",
              std::to_string(cpu_quota_us(limits.memory_mb)) + " " + std::to_string(period_us));
}

std::optional<MemoryWatch> Cgroup::memory_watch() const {
  if (version_ != 1) return std::nullopt;
  return MemoryWatch(folders_.memory);
}

long Cgroup::peak_memory_kib() const {
  return peak_ ? static_cast<long>(std::strtoll(read_open(peak_.get()).c_str(), nullptr, 10) / 1024) : 0;
}

long Cgroup::out_of_memory_kills() const { return events_ ? field(read_open(events_.get()), "oom_kill") : 0; }

long Cgroup::refused_processes() const { return field(read_file(folders_.pids / "pids.events"), "max"); }

bool Cgroup::freeze() const {
  if (folders_.freezer.empty()) return false;
  try {
    write_value(folders_.freezer / (version_ == 1 ? "freezer.state" : "cgroup.freeze"), version_ == 1 ? "FROZEN" : "1");
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void Cgroup::thaw() const {
  if (folders_.freezer.empty()) return;
  write_value(folders_.freezer / (version_ == 1 ? "freezer.state" : "cgroup.freeze"), version_ == 1 ? "THAWED" : "0");
}

void Cgroup::kill_all() const {
  if (version_ == 2 && ::access((folders_.memory / "cgroup.kill").c_str(), W_OK) == 0) {
    write_value(folders_.memory / "cgroup.kill", "1");
    return;
  }
  // Whoever forks between reading and killing is found in the next round; the limit on processes ends this.
  for (int round = 0; round < 100 && !read_file(folders_.pids / "cgroup.procs").empty(); ++round) {
    kill_in(folders_.pids);
  }
}

bool Cgroup::remove() {
  if (version_ == 0) return true;
  peak_.reset();
  events_.reset();
  // Pages of files it was the first to read would keep it alive as a zombie.
  if (version_ == 1) {
    const Descriptor empty(::open((folders_.memory / "memory.force_empty").c_str(), O_WRONLY | O_CLOEXEC));
    if (empty) [[maybe_unused]]
      const ssize_t ignored = ::write(empty.get(), "0", 1);
  }
  bool removed = true;
  for (const fs::path& folder : folders_.distinct()) {
    if (remove_folder(folder)) continue;
    kill_all();
    removed = remove_folder(folder) && removed;
  }
  if (removed) version_ = 0;
  return removed;
}

std::optional<long long> MemoryWatch::taken(int tmp) const {
  const auto files = [tmp]() -> long long {
    struct statvfs system{};
    if (::fstatvfs(tmp, &system) != 0) return -1;
    return static_cast<long long>(system.f_blocks - system.f_bfree) * static_cast<long long>(system.f_frsize);
  };
  // The kernel counts them with what is shared. They come and go meanwhile: what was there before or after may be counted.
  const long long before = files();
  const std::string stat = read_file(folder_ / "memory.stat");
  const long long in_tmp = std::max(before, files());
  if (stat.empty() || in_tmp < 0) return std::nullopt;
  return field(stat, "rss") + std::max(0LL, field(stat, "shmem") - in_tmp);
}

std::optional<bool> MemoryWatch::over(int memory_mb, int tmp, Descriptor& event) const {
  const Descriptor usage(::open((folder_ / "memory.usage_in_bytes").c_str(), O_RDONLY | O_CLOEXEC));
  if (!usage) return std::nullopt;
  const long long limit = memory_mb * mib;
  const long long all = std::strtoll(read_open(usage.get()).c_str(), nullptr, 10);
  std::optional<long long> processes = taken(tmp);
  // What ends an instance is looked at twice.
  if (processes && *processes > limit) processes = taken(tmp);
  if (!processes) return std::nullopt;
  if (*processes > limit) return true;
  // Only once so much more is in use can it all be the processes'. Small steps would be many events for nothing.
  const long long threshold = all + std::max(limit - *processes, smallest_step);
  event = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return std::nullopt;
  try {
    write_value(folder_ / "cgroup.event_control",
                std::to_string(event.get()) + " " + std::to_string(usage.get()) + " " + std::to_string(threshold));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
  return false;
}

}  // namespace kiln
