// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/process_view.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace kiln {

Descriptor open_pidfd(int pid) {
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) throw std::system_error(errno, std::generic_category(), "pidfd_open");
  return pidfd;
}

bool send_signal(const Descriptor& pidfd, int number) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0;
}

void await_end(const Descriptor& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
}

PeakMemory::PeakMemory(int pid)
    : status_(::open(("/proc/" + std::to_string(pid) + "/status").c_str(), O_RDONLY | O_CLOEXEC)) {}

long PeakMemory::kib() const {
  std::array<char, 4096> text;
  const ssize_t n = ::pread(status_.get(), text.data(), text.size() - 1, 0);
  if (n <= 0) return 0;
  text[static_cast<std::size_t>(n)] = '\0';
  const std::string_view view(text.data(), static_cast<std::size_t>(n));
  const auto at = view.find("VmHWM:");
  return at == std::string_view::npos ? 0 : std::strtol(view.data() + at + 6, nullptr, 10);
}

}  // namespace kiln
