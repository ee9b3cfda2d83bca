// SPDX-License-Identifier: Apache-2.0
// The words in which a function's log says that its instance has run into a limit.
#pragma once

#include <string>

namespace kiln {

/// That it was refused a process or a thread, for their number.
std::string processes_refused_text();

/// That nothing more fits into the /tmp that process `pid` sees; empty where something does, or there is no such process.
std::string full_tmp_text(int pid);

}  // namespace kiln
