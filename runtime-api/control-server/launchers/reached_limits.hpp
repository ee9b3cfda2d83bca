// SPDX-License-Identifier: Apache-2.0
// The words in which a function's log says that its instance has run into a limit.
#pragma once

#include <string>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

/// That it was refused a process or a thread, for their number.
std::string processes_refused_text();

/// That nothing more fits into the folder `tmp`, an instance's /tmp; empty where something does, or it is not open.
std::string full_tmp_text(const Descriptor& tmp);

}  // namespace kiln
