// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/container/group_figures.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace kiln::container {
namespace {

std::string text_of(const Descriptor& file) {
  std::array<char, 4096> text;
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
  return {text.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

Descriptor open_file(const std::string& path) { return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

/// Whether `list` ("cpu,memory") has `name`.
bool lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

/// The number behind `name` at the beginning of a line: "oom_kill_disable" is not "oom_kill". 0 where there is none.
long field(const Descriptor& file, std::string_view name) {
  if (!file) return 0;
  const std::string text = text_of(file);
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return std::strtol(text.c_str() + at + name.size(), nullptr, 10);
  }
  return 0;
}

}  // namespace

GroupFigures::GroupFigures(int pid) {
  // Lines are NUMBER:CONTROLLERS:PATH; the tree of version 2 names none (cgroups(7)).
  std::ifstream groups("/proc/" + std::to_string(pid) + "/cgroup");
  std::string unified;
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) unified = "/sys/fs/cgroup" + path;
    if (lists(controllers, "memory")) {
      const std::string folder = "/sys/fs/cgroup/memory" + path;
      peak_ = open_file(folder + "/memory.max_usage_in_bytes");
      events_ = open_file(folder + "/memory.oom_control");
    }
    if (lists(controllers, "pids")) processes_ = open_file("/sys/fs/cgroup/pids" + path + "/pids.events");
  }
  if (unified.empty()) return;
  if (!peak_) peak_ = open_file(unified + "/memory.peak");
  if (!events_) events_ = open_file(unified + "/memory.events");
  if (!processes_) processes_ = open_file(unified + "/pids.events");
}

long GroupFigures::peak_kib() const { return peak_ ? std::strtol(text_of(peak_).c_str(), nullptr, 10) / 1024 : 0; }

long GroupFigures::oom_kills() const { return field(events_, "oom_kill "); }

long GroupFigures::refused_processes() const { return field(processes_, "max "); }

}  // namespace kiln::container
