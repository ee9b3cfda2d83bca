// SPDX-License-Identifier: Apache-2.0
// The system calls a sandboxed program may make: an allow-list, so that what a later kernel adds is refused until somebody
// has looked at it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kiln {

/// The filter as the kernel takes it (struct sock_filter, one after another). A call that is known and refused fails with
/// EPERM, any other with ENOSYS, so that C libraries fall back to an older one. Throws std::runtime_error.
/// With `forks_sandboxes` clone may make namespaces too (no user namespace, and only who has the capability for it): of a
/// function's snapshot.
std::string make_syscall_filter(bool forks_sandboxes = false);

/// A kind of sockets, made by socket and socketpair.
struct SocketRule {
  int family = 0;
  int protocol = 0;  ///< the lower half of the argument is looked at, as the kernel does
};

/// The same as data, for who has filters made by somebody else.
struct SyscallRules {
  std::vector<std::string> allowed;
  std::vector<std::string> refused;       ///< known, with EPERM; any other with ENOSYS
  std::uint64_t refused_clone_flags = 0;  ///< clone with none of these
  std::vector<SocketRule> sockets;        ///< and no others
  std::vector<unsigned long> ioctls;      ///< by the lower half of the number
  std::vector<unsigned long> personalities;
};
SyscallRules syscall_rules();

}  // namespace kiln
