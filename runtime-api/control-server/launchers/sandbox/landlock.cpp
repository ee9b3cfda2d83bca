// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace kiln::sandbox {
namespace {

// The headers of Debian 12 know version 2 of the interface; these are of versions 3, 5 and 6.
constexpr std::uint64_t access_truncate = 1ULL << 14;
constexpr std::uint64_t access_ioctl_device = 1ULL << 15;
constexpr std::uint64_t scope_abstract_sockets = 1ULL << 0;
constexpr std::uint64_t scope_signals = 1ULL << 1;

/// struct landlock_ruleset_attr of version 6; older kernels get its first members only.
struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t reading =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t changing = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                   LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                   LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t never = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

/// What a kernel of this version can judge at all.
std::uint64_t handled_by(int version) {
  std::uint64_t handled = reading | changing | never;
  if (version >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) handled |= access_truncate;
  if (version >= 5) handled |= access_ioctl_device;
  return handled;
}

void allow(int rules, const char* path, std::uint64_t access) {
  landlock_path_beneath_attr rule{};
  const Descriptor place(::open(path, O_PATH | O_CLOEXEC));
  if (!place) throw std::system_error(errno, std::generic_category(), std::string("open ") + path);
  rule.parent_fd = place.get();
  rule.allowed_access = access;
  if (::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    throw std::system_error(errno, std::generic_category(), std::string("landlock_add_rule ") + path);
  }
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

Descriptor make_landlock_rules() {
  const int version = landlock_version();
  RulesetAttributes attributes;
  const std::uint64_t handled = handled_by(version);
  attributes.handled_access_fs = handled;
  std::size_t size = sizeof attributes.handled_access_fs;
  if (version >= 6) {
    attributes.scoped = scope_abstract_sockets | scope_signals;
    size = sizeof attributes;
  }
  Descriptor rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!rules) throw std::system_error(errno, std::generic_category(), "landlock_create_ruleset");
  allow(rules.get(), "/", reading);
  const std::uint64_t writable = handled & ~never;
  for (const char* const folder : {"/tmp", "/dev/shm"}) allow(rules.get(), folder, writable);
  const std::uint64_t device =
      handled & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate);
  for (const char* const path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    allow(rules.get(), path, device);
  }
  // /proc/self/… of its own: names of threads, oom_score_adj; the kernel judges the rest.
  allow(rules.get(), "/proc", reading | LANDLOCK_ACCESS_FS_WRITE_FILE);
  return rules;
}

int restrict_by_landlock(int rules) { return ::syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : errno; }

}  // namespace kiln::sandbox
