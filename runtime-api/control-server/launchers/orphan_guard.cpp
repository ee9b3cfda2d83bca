// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/orphan_guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "runtime-api/control-server/launchers/cgroup.hpp"

namespace kiln {
namespace {

/// Behind a message of zero: a folder of control groups, ended by a null.
using FolderText = std::array<char, 512>;

/// The guard's whole life. Messages are group numbers, negative to forget; small writes to a pipe arrive whole.
[[noreturn]] void guard(int in) {
  ::setsid();  // a signal to the server's group, or ^C, must not take the guard first
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_IGN);
  ::prctl(PR_SET_NAME, "kiln-guard");
  // Nothing of the server's may stay open here: not its lock, not the terminal's pipes.
  if (in != 0) ::dup2(in, 0);
  ::syscall(SYS_close_range, 1U, ~0U, 0U);
  std::vector<int> groups;
  FolderText frozen{};
  for (;;) {
    int message = 0;
    const ssize_t n = ::read(0, &message, sizeof message);
    if (n < 0 && errno == EINTR) continue;
    if (n != static_cast<ssize_t>(sizeof message)) break;
    if (message == 0) {
      if (::read(0, frozen.data(), frozen.size()) != static_cast<ssize_t>(frozen.size())) break;
    } else if (message > 0) {
      groups.push_back(message);
    } else {
      std::erase(groups, -message);
    }
  }
  for (const int group : groups) ::kill(-group, SIGKILL);
  if (frozen.front() != '\0') thaw_groups(frozen.data());
  ::_exit(0);
}

}  // namespace

OrphanGuard::OrphanGuard() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(ends[1]);
    guard(ends[0]);
  }
  const int error = errno;
  ::close(ends[0]);
  pipe_ = Descriptor(ends[1]);
  if (pid_ < 0) throw std::system_error(error, std::generic_category(), "fork");
}

OrphanGuard::~OrphanGuard() {
  pipe_.reset();
  ::waitpid(pid_, nullptr, 0);
}

void OrphanGuard::watch(int group) const {
  while (::write(pipe_.get(), &group, sizeof group) < 0 && errno == EINTR) {
  }
}

void OrphanGuard::thaw_below(const std::string& folder) const {
  struct {
    int kind = 0;
    FolderText folder{};
  } message;
  if (folder.size() >= message.folder.size()) return;
  folder.copy(message.folder.data(), folder.size());
  while (::write(pipe_.get(), &message, sizeof message) < 0 && errno == EINTR) {
  }
}

void OrphanGuard::forget(int group) const { watch(-group); }

}  // namespace kiln
