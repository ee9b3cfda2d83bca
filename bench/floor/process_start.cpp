// SPDX-License-Identifier: Apache-2.0
#include "bench/floor/process_start.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "bench/statistics.hpp"

namespace kiln::bench {

double time_of_process(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const auto start = Clock::now();
  pid_t pid = 0;
  // posix_spawn, the fastest way there is: a baseline must not carry the cost of copying this process's pages.
  if (::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("cannot start " + command[0]);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const double milliseconds = microseconds_since(start) / 1000;
  if (status != 0) throw std::runtime_error(command[0] + " ended with status " + std::to_string(status));
  return milliseconds;
}

std::vector<std::string> bare_python() { return {"/usr/bin/python3", "-c", "import json,logging"}; }

}  // namespace kiln::bench
