// SPDX-License-Identifier: Apache-2.0
// Processes that are in a control group of version 2 from their first instruction on: clone3(2) with CLONE_INTO_CGROUP, which
// Linux has since 5.7 and the C library has no function for.
#pragma once

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace kiln {

/// As fork(2), with CLONE_… `flags`: into the group whose folder `group` is a descriptor of. Returns -1 with errno where it
/// cannot be: EBUSY (the group hands controllers down), EOPNOTSUPP (it is threaded or being removed), EACCES, ENOSYS.
inline long fork_into(int group, std::uint64_t flags, int exit_signal) {
  clone_args arguments{};
  arguments.flags = flags | CLONE_INTO_CGROUP;
  arguments.exit_signal = static_cast<std::uint64_t>(exit_signal);
  arguments.cgroup = static_cast<std::uint64_t>(group);
  return ::syscall(SYS_clone3, &arguments, sizeof arguments);
}

/// As clone(2) with CLONE_VM | CLONE_VFORK and `flags`: `run(argument)` on the `size` bytes at `stack`, and must not return.
/// Errors as above; ENOSYS on processors that nobody has written it for.
int clone_into(int group, std::uint64_t flags, int exit_signal, std::byte* stack, std::size_t size, int (*run)(void*),
               void* argument);

}  // namespace kiln
