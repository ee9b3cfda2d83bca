// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/snapshot_process.hpp"

#include <dirent.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/first_process.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/program.hpp"

namespace kiln::sandbox {
namespace {

void reply(ReplyKind kind, const std::string& text = {}) {
  Reply out;
  out.kind = kind;
  std::snprintf(out.text, sizeof out.text, "%s", text.c_str());
  send_message(control_fd, {reinterpret_cast<const char*>(&out), sizeof out});
}

/// The numbers that a folder below /proc/self lists, sorted. `reader` is set to the descriptor that they are read by.
std::vector<int> numbers_in(const char* folder, int& reader) {
  DIR* const list = ::opendir(folder);
  if (list == nullptr) throw std::runtime_error(std::string("opendir ") + folder);
  std::vector<int> numbers;
  while (const dirent* const entry = ::readdir(list)) {  // NOLINT(concurrency-mt-unsafe): nobody else reads this one
    if (entry->d_name[0] != '.') numbers.push_back(std::atoi(entry->d_name));
  }
  reader = ::dirfd(list);
  ::closedir(list);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<int> open_descriptors() {
  int reader = -1;
  std::vector<int> open = numbers_in("/proc/self/fd", reader);
  std::erase(open, reader);
  return open;
}

std::size_t count_threads() {
  int reader = -1;
  return numbers_in("/proc/self/task", reader).size();
}

/// What a fork of the snapshot runs: the function that is there already, with what it has opened.
class LoadedRuntime final : public ForkedRuntime {
 public:
  LoadedRuntime(ForkedRuntime& loaded, std::vector<int> descriptors)
      : loaded_(loaded), descriptors_(std::move(descriptors)) {}

  void forked() override { loaded_.forked(); }
  void rehearse() override { loaded_.wake(); }
  int run(const Program& program) override { return loaded_.resume(program); }
  void before_fork() override { loaded_.before_fork(); }
  void after_fork() override { loaded_.after_fork(); }
  bool load(const Program&) override { return false; }  // no snapshot of a snapshot
  void wake() override {}
  int resume(const Program&) override { return 1; }
  std::span<const int> own_descriptors() const override { return descriptors_; }
  Handlers handlers() const override { return Handlers::kept; }

 private:
  ForkedRuntime& loaded_;
  const std::vector<int> descriptors_;
};

/// The new first process: does not return.
[[noreturn]] void begin_sandbox(LoadedRuntime& runtime, const PreparePlan& prepared, const Descriptor& control) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "sandbox-init");
  ::dup2(STDIN_FILENO, STDOUT_FILENO);
  ::dup2(STDIN_FILENO, STDERR_FILENO);
  ::dup2(control.get(), control_fd);
  close_from(control_fd + 1, runtime.own_descriptors());
  ::_exit(run_first_process({&runtime, true, &prepared}));
}

/// The new sandbox outlives a snapshot that ends: both are children of the first process here.
void fork_sandbox(LoadedRuntime& runtime, const PreparePlan& prepared, const Descriptor& control) {
  constexpr unsigned long flags =
      CLONE_PARENT | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | SIGCHLD;
  runtime.before_fork();
  const long pid = ::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) begin_sandbox(runtime, prepared, control);
  runtime.after_fork();
  // A socket that nobody has is answer enough where it could not be made.
}

/// Why it cannot be forked; empty where it can.
std::string obstacle() {
  // A fork of a process with threads would hold locks that nobody is there to release.
  const std::size_t threads = count_threads();
  if (threads == 1) return {};
  return "has started threads while it was loaded (" + std::to_string(threads - 1) + ")";
}

}  // namespace

int serve_snapshot(ForkedRuntime& runtime, const PreparePlan& prepared, const Program& program) {
  ::prctl(PR_SET_NAME, "kiln-snapshot");
  try {
    if (!runtime.load(program)) {
      reply(ReplyKind::failed, "cannot be loaded");
      return 1;
    }
    if (const std::string why = obstacle(); !why.empty()) {
      reply(ReplyKind::unsuitable, why);
      return 1;
    }
    LoadedRuntime loaded(runtime, open_descriptors());
    reply(ReplyKind::ready);
    for (;;) {
      const Received request = receive_message(control_fd);
      if (request.bytes.empty() || request.descriptors.size() != 1) return 0;
      fork_sandbox(loaded, prepared, request.descriptors.front());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "The snapshot ends: %s\n", error.what());
  }
  return 1;
}

}  // namespace kiln::sandbox
