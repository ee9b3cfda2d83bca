// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/cgroup_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <system_error>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::cgroup_files {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), "control group " + path.string());
}

}  // namespace

/// Some of these writes wait within the kernel (of a lower memory limit, for what is to be freed) and are then interrupted.
void write_value(const fs::path& file, std::string_view value) {
  const Descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  ssize_t written = -1;
  do {
    written = out ? ::write(out.get(), value.data(), value.size()) : -1;
  } while (written < 0 && out && errno == EINTR);
  if (written != static_cast<ssize_t>(value.size())) fail(file);
}

void write_number(const fs::path& file, long long value) { write_value(file, std::to_string(value)); }

std::string read_open(int fd) {
  std::array<char, 4096> text;
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

std::string read_file(const fs::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return in ? read_open(in.get()) : std::string();
}

long field(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string name;
  for (long value = 0; lines >> name >> value;) {
    if (name == key) return value;
  }
  return 0;
}

void make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) fail(folder);
}

bool remove_folder(const fs::path& folder) { return folder.empty() || ::rmdir(folder.c_str()) == 0 || errno == ENOENT; }

void kill_in(const fs::path& folder) {
  std::istringstream pids(read_file(folder / "cgroup.procs"));
  for (int pid = 0; pids >> pid;) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
}

}  // namespace kiln::cgroup_files
