// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/cgroup.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr long long mib = 1024LL * 1024;
using limits::memory_mb_of_one_cpu;
constexpr long long smallest_step = mib;
constexpr int period_us = 100'000;
constexpr std::string_view own_prefix = "kiln-";

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), "control group " + path.string());
}

/// Some of these writes wait within the kernel (of a lower memory limit, for what is to be freed) and are then interrupted.
void write_value(const fs::path& file, std::string_view value) {
  const Descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  ssize_t written = -1;
  do {
    written = out ? ::write(out.get(), value.data(), value.size()) : -1;
  } while (written < 0 && out && errno == EINTR);
  if (written != static_cast<ssize_t>(value.size())) fail(file);
}

void write_number(const fs::path& file, long long value) { write_value(file, std::to_string(value)); }

std::string read_open(int fd) {
  std::array<char, 4096> text;
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string read_file(const fs::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return in ? read_open(in.get()) : std::string();
}

/// The number behind `key` and a blank in a file of such lines; 0 where there is none.
long field(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string name;
  for (long value = 0; lines >> name >> value;) {
    if (name == key) return value;
  }
  return 0;
}

void make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) fail(folder);
}

bool remove_folder(const fs::path& folder) { return folder.empty() || ::rmdir(folder.c_str()) == 0 || errno == ENOENT; }

/// The shares of processor time grow with memory, and so does the number of processors it may fill.
long long cpu_shares(int memory_mb) { return std::max(2LL, 1024LL * memory_mb / memory_mb_of_one_cpu); }
long long cpu_quota_us(int memory_mb) {
  return static_cast<long long>(period_us) * std::max(1, (memory_mb + memory_mb_of_one_cpu - 1) / memory_mb_of_one_cpu);
}

void kill_in(const fs::path& folder) {
  std::istringstream pids(read_file(folder / "cgroup.procs"));
  for (int pid = 0; pids >> pid;) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
}

// --- finding the trees -------------------------------------------------------------------------------------------------

struct Mount {
  std::string root, point, type, options;
};

std::vector<Mount> cgroup_mounts() {
  std::vector<Mount> mounts;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Mount mount;
    std::string skipped, word;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point >> skipped;
    while (words >> word && word != "-") {
    }
    words >> mount.type >> skipped >> mount.options;
    if (mount.type == "cgroup" || mount.type == "cgroup2") mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool has_word(const std::string& list, std::string_view wanted, char separator) {
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, separator);) {
    if (word == wanted) return true;
  }
  return false;
}

/// This process's group in the tree of `controller` (version 1), or in the one of version 2 where that is empty.
std::string own_group(std::string_view controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : has_word(controllers, controller, ','))
      return line.substr(second + 1);
  }
  return "/";
}

/// The folder of a group below a mount that may show a part of the tree only, as in a container.
fs::path folder_of(const Mount& mount, std::string group) {
  if (mount.root != "/" && group.starts_with(mount.root)) group.erase(0, mount.root.size());
  const fs::path folder = mount.point + "/" + group;
  std::error_code error;
  return fs::is_directory(folder, error) ? folder.lexically_normal() : fs::path(mount.point);
}

fs::path find_version_1(const std::vector<Mount>& mounts, std::string_view controller) {
  for (const Mount& mount : mounts) {
    if (mount.type == "cgroup" && has_word(mount.options, controller, ',')) {
      return folder_of(mount, own_group(controller));
    }
  }
  return {};
}

fs::path find_version_2(const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts) {
    if (mount.type != "cgroup2") continue;
    const fs::path folder = folder_of(mount, own_group({}));
    const std::string controllers = read_file(folder / "cgroup.controllers");
    const auto has = [&](std::string_view name) {
      std::istringstream words(controllers);
      for (std::string word; words >> word;) {
        if (word == name) return true;
      }
      return false;
    };
    if (has("memory") && has("cpu") && has("pids")) return folder;
  }
  return {};
}

/// A group of version 2 whose children are to have controllers must hold no process itself; the server moves one down.
void hand_down_controllers(const fs::path& group) {
  constexpr std::string_view controllers = "+memory +cpu +pids";
  try {
    write_value(group / "cgroup.subtree_control", controllers);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::device_or_resource_busy) throw;
    const fs::path own = group / "kiln-server";
    make_folder(own);
    write_number(own / "cgroup.procs", ::getpid());
    write_value(group / "cgroup.subtree_control", controllers);
  }
}

/// Groups of servers that were killed. Their instances have gone with them; a number that is alive may be another server.
void remove_stale(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(own_prefix)) continue;
    int pid = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + own_prefix.size(), end, pid);
    if (parsed.ptr != end || pid <= 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code inner;
    thaw_groups(entry.path());  // or nothing in it could end
    for (const auto& group : fs::directory_iterator(entry.path(), inner)) {
      if (!group.is_directory()) continue;
      kill_in(group.path());
      ::rmdir(group.path().c_str());
    }
    ::rmdir(entry.path().c_str());
  }
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

std::optional<bool> MemoryWatch::over(int memory_mb, Descriptor& event) const {
  const Descriptor usage(::open((folder_ / "memory.usage_in_bytes").c_str(), O_RDONLY | O_CLOEXEC));
  if (!usage) return std::nullopt;
  const long long limit = memory_mb * mib;
  const long long all = std::strtoll(read_open(usage.get()).c_str(), nullptr, 10);
  const long long processes = field(read_file(folder_ / "memory.stat"), "rss");
  if (processes > limit) return true;
  // Only once so much more is in use can it all be the processes'. Small steps would be many events for nothing.
  const long long threshold = all + std::max(limit - processes, smallest_step);
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

// --- the server's tree ---------------------------------------------------------------------------------------------------

CgroupTree::Where CgroupTree::find() {
  const std::vector<Mount> mounts = cgroup_mounts();
  if (const fs::path folder = find_version_2(mounts); !folder.empty()) return {2, folder, folder, folder, folder};
  const Where first{1, find_version_1(mounts, "memory"), find_version_1(mounts, "cpu"), find_version_1(mounts, "pids"),
                    find_version_1(mounts, "freezer")};
  if (first.memory.empty() || first.cpu.empty() || first.pids.empty()) {
    throw std::runtime_error(
        mounts.empty()
            ? "no control groups are mounted (mount -t cgroup2 none /sys/fs/cgroup)"
            : "no tree of control groups here has the controllers memory, cpu and pids (as a systemd service: "
              "Delegate=yes)");
  }
  return first;
}

CgroupTree::CgroupTree(Where where, bool freezes) : where_(std::move(where)) {
  try {
    if (!freezes && !where_.freezer.empty()) {
      if (where_.version == 1) remove_stale(where_.freezer);
      where_.freezer.clear();
    }
    const std::string name = std::string(own_prefix) + std::to_string(::getpid());
    for (const fs::path& parent : where_.folders().distinct()) {
      remove_stale(parent);
      if (where_.version == 2) hand_down_controllers(parent);
      make_folder(parent / name);
    }
    where_.memory /= name;
    where_.cpu /= name;
    where_.pids /= name;
    if (!where_.freezer.empty()) where_.freezer /= name;
    if (where_.version == 2) write_value(where_.memory / "cgroup.subtree_control", "+memory +cpu +pids");
  } catch (const std::system_error& error) {
    throw std::runtime_error(std::string(error.what()) +
                             (error.code() == std::errc::read_only_file_system
                                  ? " (they are mounted read-only; in a container, start it privileged)"
                                  : " (run as root, or as a systemd service with Delegate=yes)"));
  }
}

CgroupTree::~CgroupTree() {
  for (const fs::path& folder : where_.folders().distinct()) remove_folder(folder);
}

Cgroup CgroupTree::make() {
  const std::string name = std::to_string(++next_);
  Cgroup::Folders folders{where_.memory / name, where_.cpu / name, where_.pids / name,
                          where_.freezer.empty() ? fs::path() : where_.freezer / name};
  for (const fs::path& folder : folders.distinct()) make_folder(folder);
  return {where_.version, std::move(folders)};
}

}  // namespace kiln
