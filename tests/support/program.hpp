// SPDX-License-Identifier: Apache-2.0
// Programs under test: started, fed, read and waited for, every wait with a deadline.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

extern char** environ;

namespace kiln::test {

struct ProgramResult {
  /// Exit status, or 128 + the signal that ended it.
  int status = -1;
  std::string out;
  std::string err;
};

/// One running program. Not copyable; one thread. Its destructor kills it if it still runs.
class Program {
 public:
  struct Options {
    /// Added to (or, where empty, removed from) this process's environment.
    std::map<std::string, std::string> environment{};
    /// Given as standard input, which is closed after it.
    std::string input{};
    std::chrono::milliseconds deadline = std::chrono::seconds(60);
  };

  explicit Program(const std::vector<std::string>& command) : Program(command, Options{}) {}
  Program(const std::vector<std::string>& command, Options options)
      : deadline_(std::chrono::steady_clock::now() + options.deadline), input_(std::move(options.input)) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    for (auto* ends : {&in, &out, &err}) {
      if (::pipe2(ends->data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe");
      }
    }
    // A program that does not read its input must cost a failed write, not this process.
    ::signal(SIGPIPE, SIG_IGN);
    start(command, options.environment, {in[0], out[1], err[1]});
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    in_ = in[1];
    streams_[0].descriptor = out[0];
    streams_[1].descriptor = err[0];
    feed();
  }
  ~Program() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    close_input();
    for (auto& stream : streams_) {
      if (stream.descriptor >= 0) {
        ::close(stream.descriptor);
      }
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& out() const { return streams_[0].text; }
  const std::string& err() const { return streams_[1].text; }

  void signal(int number) const { ::kill(pid_, number); }

  /// Waits until standard output holds `text`; false where it ends or the deadline passes before.
  bool wait_for_output(const std::string& text) {
    while (out().find(text) == std::string::npos) {
      if (streams_[0].descriptor < 0 || !read_some()) {
        return false;
      }
    }
    return true;
  }

  /// Reads all there is and waits for the end. Throws where the deadline passes, after killing the program.
  ProgramResult wait() {
    while (streams_[0].descriptor >= 0 || streams_[1].descriptor >= 0) {
      if (!read_some()) {
        ::kill(pid_, SIGKILL);
        throw std::runtime_error("the program did not end in time; out: " + out() + " err: " + err());
      }
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {*status_, out(), err()};
  }

 private:
  struct Stream {
    int descriptor = -1;
    std::string text;
  };

  void start(const std::vector<std::string>& command, const std::map<std::string, std::string>& changes,
             const std::array<int, 3>& standard) {
    std::map<std::string, std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      environment[text.substr(0, text.find('='))] = text.substr(std::min(text.size(), text.find('=') + 1));
    }
    for (const auto& [name, value] : changes) {
      environment[name] = value;
    }
    std::vector<std::string> words;
    for (const auto& [name, value] : environment) {
      if (!value.empty()) {
        words.push_back(std::string(name).append("=").append(value));
      }
    }
    std::vector<std::string> copies = command;
    const auto argv = pointers(copies);
    const auto envp = pointers(words);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; ++i) {
      ::posix_spawn_file_actions_adddup2(&actions, standard[static_cast<std::size_t>(i)], i);
    }
    // The signals this process ignores (SIGPIPE) are the program's own affair.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), envp.data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      throw std::system_error(error, std::generic_category(), command[0]);
    }
  }

  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (auto& word : words) {
      all.push_back(word.data());
    }
    all.push_back(nullptr);
    return all;
  }

  // Inputs of tests are small, but may be larger than a pipe: whatever does not fit now follows while output is read.
  void feed() {
    ::fcntl(in_, F_SETFL, O_NONBLOCK);
    write_some();
  }
  void write_some() {
    while (in_ >= 0 && !input_.empty()) {
      const auto count = ::write(in_, input_.data(), input_.size());
      if (count < 0 && errno == EAGAIN) {
        return;
      }
      if (count < 0) {
        input_.clear();
        break;
      }
      input_.erase(0, static_cast<std::size_t>(count));
    }
    close_input();
  }
  void close_input() {
    if (in_ >= 0) {
      ::close(in_);
      in_ = -1;
    }
  }

  // Waits for input on either stream and takes it; false when the deadline has passed.
  bool read_some() {
    std::array<pollfd, 3> waits{pollfd{streams_[0].descriptor, POLLIN, 0}, pollfd{streams_[1].descriptor, POLLIN, 0},
                                pollfd{in_, POLLOUT, 0}};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    const int ready = left.count() <= 0 ? 0 : ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) {
      return true;
    }
    if (ready <= 0) {
      return false;
    }
    if (waits[2].revents != 0) {
      write_some();
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (waits[i].revents != 0) {
        std::array<char, 65'536> buffer;
        const auto count = ::read(streams_[i].descriptor, buffer.data(), buffer.size());
        if (count > 0) {
          streams_[i].text.append(buffer.data(), static_cast<std::size_t>(count));
        } else {
          ::close(streams_[i].descriptor);
          streams_[i].descriptor = -1;
        }
      }
    }
    return true;
  }

  std::chrono::steady_clock::time_point deadline_;
  std::string input_;
  pid_t pid_ = -1;
  int in_ = -1;
  std::array<Stream, 2> streams_;
  std::optional<int> status_;
};

/// Runs `command` to its end.
inline ProgramResult run_program(const std::vector<std::string>& command, Program::Options options = {}) {
  Program program(command, std::move(options));
  return program.wait();
}

}  // namespace kiln::test
