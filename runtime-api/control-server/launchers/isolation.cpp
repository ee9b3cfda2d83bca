// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/isolation.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <functional>

#include "runtime-api/control-server/launchers/cgroup.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/launchers/sandbox/landlock.hpp"
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"
#include "runtime-api/control-server/launchers/uid_pool.hpp"

namespace kiln {
namespace {

constexpr const char* as_root =
    "run kiln as root (in a container: with --privileged, or with the capabilities SYS_ADMIN, NET_ADMIN, SETUID, "
    "SETGID, "
    "KILL and a seccomp profile that allows mount and unshare)";

/// The errno of what `action` left behind in a child, 0 where it returned true.
int tried(const std::function<bool()>& action) {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    errno = 0;
    ::_exit(action() ? 0 : (errno == 0 ? EINVAL : errno));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

IsolationFeature from_errno(std::string_view name, bool needed, int error, std::string works, std::string way_out) {
  IsolationFeature feature{std::string(name), error == 0, needed, std::move(works)};
  if (error != 0) {
    feature.detail = std::strerror(error);  // NOLINT(concurrency-mt-unsafe): before there are threads
    feature.way_out = std::move(way_out);
  }
  return feature;
}

IsolationFeature try_namespace(std::string_view name, int flag, bool needed) {
  const int error = tried([flag] { return ::unshare(flag) == 0; });
  return from_errno(name, needed, error, "can be made", as_root);
}

/// As an instance makes it: as an unprivileged user.
IsolationFeature try_user_namespace() {
  const int error = tried([] {
    const auto uid = UidPool::first_of_this_process();
    return ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0 && ::prctl(PR_SET_DUMPABLE, 1) == 0 &&
           ::unshare(CLONE_NEWUSER) == 0;
  });
  return from_errno(isolation_features::user_namespace, false, error, "can be made by an unprivileged user",
                    "sysctl kernel.unprivileged_userns_clone=1, or user.max_user_namespaces above 0, or no profile of "
                    "AppArmor that refuses it (kernel.apparmor_restrict_unprivileged_userns=0)");
}

IsolationFeature try_filter() {
  const int error = tried([] {
    sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{1, allow_all};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  });
  return from_errno("system-call filter", true, error, "can be installed", "a kernel with CONFIG_SECCOMP_FILTER");
}

IsolationFeature try_mount_calls() {
  const int error = tried([] { return ::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) == 0 || errno != ENOSYS; });
  return from_errno("mount_setattr", true, error, "known to the kernel", "Linux 5.12 or newer");
}

IsolationFeature try_landlock() {
  const int version = sandbox::landlock_version();
  IsolationFeature feature{std::string(isolation_features::landlock), version > 0, false,
                           "version " + std::to_string(version) + " of its interface"};
  if (version == 0) {
    feature.detail = "the kernel has none";
    feature.way_out = "Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, and landlock in its list lsm=";
  }
  return feature;
}

IsolationFeature try_cgroups() {
  IsolationFeature feature{std::string(isolation_features::cgroups), true, false, {}};
  try {
    CgroupTree tree(CgroupTree::find());
    Cgroup group = tree.make();
    group.limit({128, 512, 64});
    feature.detail =
        "version " + std::to_string(tree.version()) + ", memory in " + tree.where().memory.parent_path().string();
    group.remove();
  } catch (const std::exception& error) {
    feature.works = false;
    feature.detail = error.what();
    feature.way_out = "cgroup controllers memory, cpu and pids that this user may write to";
  }
  return feature;
}

IsolationFeature find_init(const std::filesystem::path& init) {
  const int error = ::access(init.c_str(), X_OK) == 0 ? 0 : errno;
  return from_errno("sandbox-init", true, error, init.string(),
                    "install kiln whole: " + init.string() + " belongs to it");
}

/// The proof: one that is ready for a function.
IsolationFeature try_whole(const IsolationReport& parts, const std::filesystem::path& init) {
  IsolationFeature feature{"a whole sandbox", true, true, "made, and taken down again"};
  try {
    OrphanGuard guard;
    UidPool users(UidPool::first_of_this_process(), UidPool::block);
    std::optional<CgroupTree> groups;
    if (parts.works(isolation_features::cgroups)) groups.emplace(CgroupTree::find());
    SandboxOptions options;
    options.init = init;
    options.user_namespace = parts.works(isolation_features::user_namespace);
    options.cgroup_namespace = parts.works(isolation_features::cgroup_namespace);
    options.landlock = parts.works(isolation_features::landlock);
    SandboxFactory factory(options, users, groups ? &*groups : nullptr, guard);
    const PreparedSandbox made = factory.make(nullptr);
  } catch (const std::exception& error) {
    feature.works = false;
    feature.detail = error.what();
    feature.way_out = as_root;
  }
  return feature;
}

}  // namespace

std::string_view to_string(Isolation level) {
  switch (level) {
    case Isolation::process: return "process";
    case Isolation::sandbox: return "sandbox";
    case Isolation::oci: return "oci";
    case Isolation::command: return "command";
  }
  return "process";
}

std::optional<Isolation> isolation_from(std::string_view name) {
  for (const Isolation level : {Isolation::process, Isolation::sandbox, Isolation::oci, Isolation::command}) {
    if (name == to_string(level)) return level;
  }
  return std::nullopt;
}

bool IsolationReport::sandbox() const {
  return std::all_of(features.begin(), features.end(),
                     [](const auto& feature) { return feature.works || !feature.needed; });
}

bool IsolationReport::works(std::string_view name) const {
  return std::any_of(features.begin(), features.end(),
                     [name](const auto& feature) { return feature.name == name && feature.works; });
}

std::string IsolationReport::why_no_sandbox() const {
  for (const IsolationFeature& feature : features) {
    if (feature.needed && !feature.works) {
      return feature.name + ": " + feature.detail + "; way out: " + feature.way_out;
    }
  }
  return {};
}

std::vector<std::string> IsolationReport::weaknesses() const {
  std::vector<std::string> out;
  for (const IsolationFeature& feature : features) {
    if (feature.needed || feature.works) continue;
    out.push_back(
        "without " + feature.name + " (" + feature.detail + "; way out: " + feature.way_out + ")" +
        (feature.name == isolation_features::cgroups
             ? ": each process has a limit of its own of its memory, their sum, what they share and processor time "
               "have none, and processes are limited by their number for each user only"
             : ""));
  }
  return out;
}

IsolationReport probe_isolation(const std::filesystem::path& init) {
  IsolationReport report;
  const int root = ::geteuid() == 0 ? 0 : EPERM;
  report.features.push_back(from_errno("root", true, root, "the server runs as root", as_root));
  report.features.push_back(try_namespace("mount namespace", CLONE_NEWNS, true));
  report.features.push_back(try_namespace("pid namespace", CLONE_NEWPID, true));
  report.features.push_back(try_namespace("network namespace", CLONE_NEWNET, true));
  report.features.push_back(try_namespace("ipc namespace", CLONE_NEWIPC, true));
  report.features.push_back(try_namespace("uts namespace", CLONE_NEWUTS, true));
  report.features.push_back(try_namespace(isolation_features::cgroup_namespace, CLONE_NEWCGROUP, false));
  report.features.push_back(try_user_namespace());
  report.features.push_back(try_mount_calls());
  report.features.push_back(try_filter());
  report.features.push_back(try_landlock());
  report.features.push_back(try_cgroups());
  report.features.push_back(find_init(init));
  if (report.sandbox()) report.features.push_back(try_whole(report, init));
  return report;
}

}  // namespace kiln
