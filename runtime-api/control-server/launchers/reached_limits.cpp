// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/reached_limits.hpp"

#include <sys/statvfs.h>

#include "runtime-api/protocol/limits.hpp"

namespace kiln {

std::string processes_refused_text() {
  return "The limit of " + std::to_string(limits::instance_processes) + " processes and threads was reached";
}

std::string full_tmp_text(const Descriptor& tmp) {
  struct statvfs room{};
  if (!tmp || ::fstatvfs(tmp.get(), &room) != 0 || (room.f_bfree > 0 && room.f_ffree > 0)) return {};
  return std::string("/tmp is full: ") + (room.f_bfree == 0 ? "no space is left" : "no more files can be made");
}

}  // namespace kiln
