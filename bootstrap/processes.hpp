// SPDX-License-Identifier: Apache-2.0
// Several invocations at once, in processes: for language runtimes that run one at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "bootstrap/exit_codes.hpp"
#include "bootstrap/init.hpp"
#include "bootstrap/runtime.hpp"

namespace kiln {

/// Forks `count` processes that run `serve` with `runtime`, which is told of each fork, and waits for all of them. Socket i of `sockets` is process i's alone: all
/// others close it; there may be none. Call before any thread exists. SIGTERM reaches
/// all, whether it was sent to this process or to its group; a second one kills. The platform sees one process, so the
/// death of one child is the end of the instance: the others get SIGTERM, answer what they run (for at most
/// limits::shutdown_timeout), and this process ends as the dead one did, by the same code or signal. Returns that code, in
/// a child the code that `serve` has returned.
int run_processes(Runtime& runtime, std::size_t count, const std::vector<int>& sockets,
                  const std::function<ExitCode(InitErrorGate& gate, std::size_t index)>& serve);

}  // namespace kiln
