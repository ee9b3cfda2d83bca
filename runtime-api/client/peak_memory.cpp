// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/peak_memory.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace kiln {
namespace {

/// VmHWM of this process in KiB, 0 where /proc cannot tell.
long high_water_kib() {
  const int fd = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[4096];
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  const char* line = std::strstr(text, "VmHWM:");
  return line == nullptr ? 0 : std::strtol(line + 6, nullptr, 10);
}

/// Resident memory cannot grow by more than this many pages unseen.
constexpr long fault_step = 32;

}  // namespace

long PeakMemory::grown_kib() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const long faults = usage.ru_minflt + usage.ru_majflt;
  if (reported_kib_ != 0 && faults - faults_seen_ < fault_step) return 0;
  faults_seen_ = faults;
  // ru_maxrss survives exec: in a child of a large server it is the server's size. VmHWM starts anew with the program,
  // but costs an open and a read, so it is only asked for when there were page faults.
  const long from_status = high_water_kib();
  const long peak = from_status != 0 ? from_status : usage.ru_maxrss;
  if (peak <= reported_kib_) return 0;
  reported_kib_ = peak;
  return peak;
}

}  // namespace kiln
