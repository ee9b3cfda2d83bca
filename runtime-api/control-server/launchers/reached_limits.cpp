// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/reached_limits.hpp"

#include <sys/statvfs.h>

#include "runtime-api/protocol/limits.hpp"

namespace kiln {

std::string processes_refused_text() {
  return "The limit of " + std::to_string(limits::instance_processes) + " processes and threads was reached";
}

std::string full_tmp_text(int pid) {
  struct statvfs tmp{};
  const std::string path = "/proc/" + std::to_string(pid) + "/root/tmp";
  if (::statvfs(path.c_str(), &tmp) != 0 || (tmp.f_bfree > 0 && tmp.f_ffree > 0)) return {};
  return std::string("/tmp is full: ") + (tmp.f_bfree == 0 ? "no space is left" : "no more files can be made");
}

}  // namespace kiln
