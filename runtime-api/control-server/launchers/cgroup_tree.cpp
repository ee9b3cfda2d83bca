// SPDX-License-Identifier: Apache-2.0
// The groups of a server: where they may be made, and what other servers have left there.
#include "runtime-api/control-server/launchers/cgroup.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/cgroup_files.hpp"

namespace kiln {

using namespace cgroup_files;

namespace {

namespace fs = std::filesystem;

constexpr std::string_view own_prefix = "kiln-";
// Where a server of version 2 is itself, below its own group.
constexpr const char* server_leaf = "kiln-server";
// Servers of one number, in process namespaces of their own.
constexpr int most_of_one_number = 100;

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
    fs::path folder = folder_of(mount, own_group({}));
    // This process has moved there before.
    if (folder.filename() == server_leaf) folder = folder.parent_path();
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

std::vector<int> processes_in(const fs::path& group) {
  std::vector<int> found;
  std::istringstream pids(read_file(group / "cgroup.procs"));
  for (int pid = 0; pids >> pid;) found.push_back(pid);
  return found;
}

int parent_of(int pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto end_of_name = stat.rfind(") ");
  if (end_of_name == std::string::npos) return 0;
  std::istringstream rest(stat.substr(end_of_name + 2));
  std::string state;
  int parent = 0;
  rest >> state >> parent;
  return parent;
}

[[noreturn]] void fail_for_others(const fs::path& group) {
  std::string others;
  for (const int pid : processes_in(group)) others += (others.empty() ? "" : ", ") + std::to_string(pid);
  throw std::runtime_error("control group " + group.string() + " has other processes in it (" + others +
                           "), so it cannot hand down its controllers; start kiln in a group of its own (as a systemd "
                           "service with Delegate=yes, or: systemd-run --scope -p Delegate=yes kiln serve)");
}

/// A group of version 2 whose children are to have controllers must hold no process itself; the server, and what it has
/// started, move one down.
void hand_down_controllers(const fs::path& group, const std::string& controllers) {
  const auto hand_down = [&] {
    try {
      write_value(group / "cgroup.subtree_control", controllers);
      return true;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::device_or_resource_busy) throw;
      return false;
    }
  };
  if (hand_down()) return;
  const fs::path own = group / server_leaf;
  make_folder(own);
  const int self = ::getpid();
  for (const int pid : processes_in(group)) {
    if (pid == self || parent_of(pid) == self) write_number(own / "cgroup.procs", pid);
  }
  if (!hand_down()) fail_for_others(group);
}

/// The process number in the name of a server's folder: kiln-NUMBER, or kiln-NUMBER-MORE.
std::optional<int> server_number(const std::string& name) {
  if (!name.starts_with(own_prefix)) return std::nullopt;
  int pid = 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + own_prefix.size(), end, pid);
  if (parsed.ec != std::errc() || pid <= 0 || (parsed.ptr != end && *parsed.ptr != '-')) return std::nullopt;
  return pid;
}

/// Whether a process is of the program that this one is of.
bool runs_this_program(int pid) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  const fs::path other = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", error);
  return !error && own.filename() == other.filename();
}

/// Nothing where somebody else holds it, or there is no such folder.
Descriptor lock_folder(const fs::path& folder) {
  Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.reset();
  return lock;
}

void remove_group(const fs::path& folder) {
  std::error_code error;
  thaw_groups(folder);  // or nothing in it could end
  for (const auto& group : fs::directory_iterator(folder, error)) {
    if (!group.is_directory()) continue;
    kill_in(group.path());
    ::rmdir(group.path().c_str());
  }
  ::rmdir(folder.c_str());
}

/// Groups of servers that were killed. Their instances have gone with them. Whose server lives is locked; a number says
/// nothing, since it may be another process's by now, or one of another process namespace.
void remove_stale(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const auto pid = server_number(entry.path().filename().string());
    if (!pid) continue;
    const Descriptor lock = lock_folder(entry.path());
    // Another that has made its folder is about to lock it.
    if (!lock || (*pid != ::getpid() && runs_this_program(*pid))) continue;
    remove_group(entry.path());
  }
}

}  // namespace

CgroupTree::Where CgroupTree::find() {
  const std::vector<Mount> mounts = cgroup_mounts();
  Where where;
  if (const fs::path folder = find_version_2(mounts); !folder.empty()) {
    where.version = 2;
    where.memory = where.cpu = where.pids = where.freezer = folder;
    return where;
  }
  where.version = 1;
  where.memory = find_version_1(mounts, "memory");
  where.cpu = find_version_1(mounts, "cpu");
  where.pids = find_version_1(mounts, "pids");
  where.freezer = find_version_1(mounts, "freezer");
  if (where.memory.empty() || where.cpu.empty() || where.pids.empty()) {
    throw std::runtime_error(
        mounts.empty()
            ? "no control groups are mounted (mount -t cgroup2 none /sys/fs/cgroup)"
            : "no tree of control groups here has the controllers memory, cpu and pids (as a systemd service: "
              "Delegate=yes)");
  }
  return where;
}

CgroupTree::CgroupTree(Where where, bool freezes) : where_(std::move(where)) {
  try {
    if (!freezes && !where_.freezer.empty()) {
      if (where_.version == 1) remove_stale(where_.freezer);
      where_.freezer.clear();
    }
    const std::vector<fs::path> parents = where_.folders().distinct();
    for (const fs::path& parent : parents) {
      remove_stale(parent);
      if (where_.version == 2) hand_down_controllers(parent, where_.controllers);
    }
    const std::string name = claim(parents);
    where_.memory /= name;
    where_.cpu /= name;
    where_.pids /= name;
    if (!where_.freezer.empty()) where_.freezer /= name;
    if (where_.version == 2) write_value(where_.memory / "cgroup.subtree_control", where_.controllers);
  } catch (const std::system_error& error) {
    throw std::runtime_error(std::string(error.what()) +
                             (error.code() == std::errc::read_only_file_system
                                  ? " (they are mounted read-only; in a container, start it privileged)"
                                  : " (run as root, or as a systemd service with Delegate=yes)"));
  }
}

std::string CgroupTree::claim(const std::vector<fs::path>& parents) {
  const std::string number = std::string(own_prefix) + std::to_string(::getpid());
  for (int more = 0; more < most_of_one_number; ++more) {
    const std::string name = more == 0 ? number : number + "-" + std::to_string(more);
    for (const fs::path& parent : parents) {
      make_folder(parent / name);
      Descriptor lock = lock_folder(parent / name);
      if (!lock || !fs::exists(parent / name)) break;  // somebody else has it, or has just removed it
      locks_.push_back(std::move(lock));
    }
    if (locks_.size() == parents.size()) return name;
    locks_.clear();
  }
  throw std::runtime_error("all names for control groups of this server, " + number + " and on, belong to others in " +
                           parents.front().string());
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
