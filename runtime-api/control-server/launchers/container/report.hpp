// SPDX-License-Identifier: Apache-2.0
// What container-monitor and the server say to each other, one message each over a SOCK_SEQPACKET socket. Orders are the
// number of a signal for the container's first process (an int); the end of the socket is SIGKILL.
#pragma once

#include <cstdint>

namespace kiln::container {

enum class ReportKind : std::uint32_t {
  started = 1,  ///< `number`: process id of the container's first process, on this host
  not_started,  ///< `number`: exit status of the container runtime
  exited,       ///< `number`: exit status; then what is left is cleared away
  signalled,    ///< `number`: the signal that ended it; likewise
};

struct Report {
  ReportKind kind = ReportKind::started;
  std::int32_t number = 0;
  std::int64_t at_ns = 0;      ///< `started`: on the steady clock
  std::int64_t peak_kib = 0;   ///< at the end: the most memory of all processes; 0 where that cannot be told
  std::int64_t oom_kills = 0;  ///< at the end: how many the kernel has ended for their memory
};

}  // namespace kiln::container
