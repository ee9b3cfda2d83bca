// SPDX-License-Identifier: Apache-2.0
// A network namespace of an instance's own: nothing in it but lo, and a socket that listens there, on the address the
// Runtime API has everywhere. The server accepts on it from its own namespace; nobody inside can take the port.
#pragma once

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

/// Where an instance with a network namespace finds its Runtime API.
inline constexpr const char* namespace_runtime_api = "127.0.0.1:9001";

struct NetworkNamespace {
  Descriptor name;      ///< for setns, or as /proc/PID/fd/N for a container runtime
  Descriptor listener;  ///< on namespace_runtime_api inside; non-blocking, close-on-exec

  /// Any thread; takes about half a millisecond. Throws std::system_error.
  static NetworkNamespace make();
  /// The same of the one that the process of `pidfd` is in, and has made: nothing in it is up.
  static NetworkNamespace furnish(const Descriptor& pidfd);
};

/// A TCP socket that reaches the loopback of the namespace `name`; unconnected, non-blocking, close-on-exec; -1 and errno
/// where it cannot be made. Takes some microseconds, in which the calling thread is in that namespace; no other thread is.
int make_tcp_socket_in(const Descriptor& name);

}  // namespace kiln
