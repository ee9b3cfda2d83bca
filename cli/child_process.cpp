// SPDX-License-Identifier: Apache-2.0
#include "cli/child_process.hpp"

#include "cli/environment.hpp"
#include "cli/failure.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

extern char** environ;  // NOLINT(readability-redundant-declaration): not in every libc's <unistd.h>

namespace kiln::cli {
namespace {

[[noreturn]] void fail(const std::string& program, int error) {
  Failure failure{.code = ExitCode::build_failed,
                  .message = "cannot run " + program + ": " + std::generic_category().message(error)};
  if (error == ENOENT) {
    failure.message = program + " is not installed, or not on PATH";
    failure.advice = {"on Debian:  apt-get install " + program};
  }
  throw CommandFailure(std::move(failure));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return value_; }
  void close() noexcept {
    if (value_ >= 0) {
      ::close(value_);
      value_ = -1;
    }
  }

 private:
  int value_;
};

void read_lines(int descriptor, const std::function<void(std::string_view)>& on_line) {
  std::string pending;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      break;
    }
    pending.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', start)) {
      on_line(std::string_view(pending).substr(start, end - start));
      start = end + 1;
    }
    pending.erase(0, start);
  }
  if (!pending.empty()) {
    on_line(pending);
  }
}

pid_t spawn(const std::vector<std::string>& command, int output) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    fail(command[0], error);
  }
  return child;
}

}  // namespace

int run_command(const std::vector<std::string>& command, const std::function<void(std::string_view)>& on_line) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail(command[0], errno);
  }
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = spawn(command, writing.get());
  writing.close();
  read_lines(reading.get(), on_line);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool on_path(const std::string& name) {
  const auto variable = environment_variable("PATH");
  std::string_view rest = variable;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    auto program = std::string(rest.substr(0, colon));
    if (!program.empty()) {
      program.append("/").append(name);
      if (::access(program.c_str(), X_OK) == 0) {
        return true;
      }
    }
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return false;
}

}  // namespace kiln::cli
