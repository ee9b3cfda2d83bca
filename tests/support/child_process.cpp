// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace kiln::test {
namespace {

constexpr int patience_ms = 10'000;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));  // exec has no const
  result.push_back(nullptr);
  return result;
}

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
  const auto arguments = pointers(options.arguments);
  const auto environment = pointers(options.environment);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    // Whatever started the test may have left descriptors open; the program is not to find them.
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (options.inherited_fd >= 0) ::fcntl(options.inherited_fd, F_SETFD, 0);
    for (const int fd : options.more_inherited_fds) ::fcntl(fd, F_SETFD, 0);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  if (options.inherited_fd >= 0) ::close(options.inherited_fd);
  for (const int fd : options.more_inherited_fds) ::close(fd);
  output_fd_ = pipe[0];
  if (pid_ < 0) throw std::runtime_error("no process");
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(output_fd_);
}

void ChildProcess::signal(int number) const { ::kill(pid_, number); }

bool ChildProcess::has_ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
}

ExitStatus ChildProcess::wait() {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd ended{handle, POLLIN, 0};
  const int ready = ::poll(&ended, 1, patience_ms);
  ::close(handle);
  if (ready <= 0) throw std::runtime_error("the program does not end; it printed: " + output());
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  ExitStatus result;
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

bool ChildProcess::read_more() {
  std::array<char, 4096> chunk{};
  const ssize_t got = ::read(output_fd_, chunk.data(), chunk.size());
  if (got <= 0) return false;
  output_.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

std::string ChildProcess::output() {
  pollfd wait{output_fd_, POLLIN, 0};
  while (::poll(&wait, 1, 0) > 0 && read_more()) {
  }
  return output_;
}

void ChildProcess::wait_for_output(const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (output_.find(text) == std::string::npos) {
    pollfd wait{output_fd_, POLLIN, 0};
    ::poll(&wait, 1, 100);
    const bool more = wait.revents == 0 || read_more();
    if (!more || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("never printed: " + text + "; but: " + output_);
    }
  }
}

}  // namespace kiln::test
