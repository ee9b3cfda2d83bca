// SPDX-License-Identifier: Apache-2.0
#include "conformance/process/child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "conformance/finding.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): not in every libc's <unistd.h>

namespace kiln::conformance {
namespace {

constexpr std::size_t kept_output = 4096;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));  // NOLINT: execvpe only reads
  result.push_back(nullptr);
  return result;
}

/// In the child: nothing but calls that are safe there. Returns only where the program cannot be executed.
int become(char* const* arguments, char* const* environment, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvpe(arguments[0], arguments, environment);
  return errno;
}

}  // namespace

std::string Ending::text() const {
  return signal ? "signal " + std::to_string(*signal) : "exit status " + std::to_string(code.value_or(-1));
}

Child::Child(const std::vector<std::string>& command, const Environment& environment) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) settings.push_back(std::string(name).append("=").append(value));
  const auto arguments = pointers(command);
  const auto variables = pointers(settings);
  std::array<int, 2> output{};
  std::array<int, 2> failure{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0 || ::pipe2(failure.data(), O_CLOEXEC) != 0) {
    throw CannotRun("no pipe: " + std::generic_category().message(errno));
  }
  output_ = Socket(output[0]);
  Socket output_end(output[1]);
  const Socket failure_start(failure[0]);
  Socket failure_end(failure[1]);
  ::fcntl(output_.fd(), F_SETFL, O_NONBLOCK);
  pid_ = ::fork();
  if (pid_ == 0) {
    const int error = become(arguments.data(), variables.data(), output_end.fd());
    (void)!::write(failure_end.fd(), &error, sizeof error);
    ::_exit(127);
  }
  if (pid_ < 0) throw CannotRun("no process: " + std::generic_category().message(errno));
  ::setpgid(pid_, pid_);  // whichever of the two comes first
  exit_ = Socket(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  failure_end.close();
  output_end.close();
  int error = 0;
  if (::read(failure_start.fd(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    throw CannotRun("cannot execute " + command[0] + ": " + std::generic_category().message(error));
  }
}

Child::~Child() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  // Only now: until it is reaped, its number is nobody else's, nor its group's.
  ::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) const { ::kill(-pid_, number); }

void Child::watch(std::vector<pollfd>& into) const {
  if (!ending_) into.push_back({exit_.fd(), POLLIN, 0});
  if (output_.is_open()) into.push_back({output_.fd(), POLLIN, 0});
}

void Child::read_output() {
  std::array<char, 4096> buffer;
  while (output_.is_open()) {
    const auto got = ::read(output_.fd(), buffer.data(), buffer.size());
    if (got < 0) return;  // nothing more now
    if (got == 0) output_.close();
    printed_.append(buffer.data(), static_cast<std::size_t>(got));
    if (printed_.size() > 2 * kept_output) printed_.erase(0, printed_.size() - kept_output);
  }
}

void Child::attend() {
  read_output();
  if (ending_) return;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return;
  ending_ = info.si_code == CLD_EXITED ? Ending{info.si_status, std::nullopt} : Ending{std::nullopt, info.si_status};
  read_output();
}

bool Child::wait(Deadline deadline) {
  for (attend(); !ending_ && !deadline.passed(); attend()) {
    std::vector<pollfd> entries;
    watch(entries);
    ::poll(entries.data(), entries.size(), poll_timeout(deadline));
  }
  return ending_.has_value();
}

Environment current_environment() {
  Environment result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) result[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return result;
}

}  // namespace kiln::conformance
