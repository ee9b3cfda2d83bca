// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <system_error>

#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/sandbox/landlock.hpp"

namespace kiln::sandbox {
namespace {

[[noreturn]] void fail(const char* step) { throw std::system_error(errno, std::generic_category(), step); }

/// Whatever is executed from here on gets no capability, whoever owns it.
void drop_bounding_set() {
  int held = 0;
  for (int capability = 0; (held = ::prctl(PR_CAPBSET_READ, capability)) >= 0; ++capability) {
    if (held != 0 && ::prctl(PR_CAPBSET_DROP, capability) != 0) fail("capability bounding set");
  }
}

void become_user(unsigned uid) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    fail("change of user");
  }
}

void write_file(const char* path, std::string_view text) {
  const Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail(path);
}

/// A namespace in which nobody but this user exists: what the other namespaces own is out of reach of any capability it
/// might come by.
void enter_user_namespace(const PreparePlan& prepared) {
  // Since the change of user, /proc/self has been root's.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0 || ::unshare(CLONE_NEWUSER) != 0) fail("user namespace");
  char map[64];
  const int size = std::snprintf(map, sizeof map, "%u %u 1\n", prepared.inside_uid, prepared.uid);
  const std::string_view line(map, static_cast<std::size_t>(size));
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", line);
  write_file("/proc/self/gid_map", line);
  drop_bounding_set();  // it has begun with all of them
}

/// All but the one for namespaces, where it is to be kept: in its own user namespace, which owns nothing.
void drop_capabilities(bool keep_namespaces) {
  constexpr unsigned long locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                   SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  ::prctl(PR_SET_SECUREBITS, locked);  // refused without the capability, where there is nothing to lock either
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct left[2] = {};
  if (keep_namespaces) {
    left[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted = CAP_TO_MASK(CAP_SYS_ADMIN);
    left[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective = CAP_TO_MASK(CAP_SYS_ADMIN);
  }
  if (::syscall(SYS_capset, &header, left) != 0) fail("dropping capabilities");
}

void enter_landlock_domain() {
  const Descriptor rules = make_landlock_rules();
  errno = restrict_by_landlock(rules.get());
  if (errno != 0) fail("Landlock");
}

/// Each change of what a process may do takes these back.
void end_with_parent() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) fail("end with the server");
}

}  // namespace

void keep_what_sandboxes_need() {
  // Namespaces and mounts, another user, no capability for it, and the priority of a program that somebody waits for.
  constexpr int needed[] = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_NICE};
  __user_cap_data_struct kept[2] = {};
  for (const int capability : needed) kept[CAP_TO_INDEX(capability)].permitted |= CAP_TO_MASK(capability);
  for (__user_cap_data_struct& word : kept) word.effective = word.permitted;
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    const bool needs = std::find(std::begin(needed), std::end(needed), capability) != std::end(needed);
    if (!needs && ::prctl(PR_CAPBSET_DROP, capability) != 0) fail("capability bounding set");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, kept) != 0) fail("dropping capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
}

void give_up_privileges(const PreparePlan& prepared) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
  drop_bounding_set();
  become_user(prepared.uid);
  if (prepared.user_namespace) enter_user_namespace(prepared);
  drop_capabilities(prepared.snapshot);
  if (prepared.landlock) enter_landlock_domain();
  end_with_parent();
}

void give_up_the_rest(const PreparePlan& prepared) {
  drop_capabilities(false);
  if (prepared.fork_landlock) enter_landlock_domain();
  end_with_parent();
}

}  // namespace kiln::sandbox
