// SPDX-License-Identifier: Apache-2.0
// PID 1 of a container inherits every process whose parent has ended, and gets the signals that are meant for the container.
#pragma once

namespace kiln::standalone {

/// Where this process is PID 1: forks, and returns in the child only. The parent hands SIGTERM and SIGINT on, reaps whatever
/// ends, and ends as the child does. Elsewhere: returns. Call before any thread exists.
void become_init();

}  // namespace kiln::standalone
