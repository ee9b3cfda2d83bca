// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/extension_processes.hpp"

#include <array>
#include <csignal>
#include <utility>

namespace kiln {
namespace {

// A line longer than this is handed on in pieces, and so much is read in one go before others get their turn.
constexpr std::size_t longest_line = 256 * 1024;
constexpr std::size_t log_turn = 1 << 20;

}  // namespace

struct ExtensionProcesses::Process {
  Process(EventLoop& loop, std::unique_ptr<LaunchedExtension> the_launched)
      : launched(std::move(the_launched)), output(loop, launched->take_log()) {}

  std::unique_ptr<LaunchedExtension> launched;
  Stream output;
  std::string partial;  // a line that has no end yet
  bool ended = false;
};

ExtensionProcesses::ExtensionProcesses(EventLoop& loop, std::vector<std::unique_ptr<LaunchedExtension>> launched,
                                       Hooks hooks)
    : loop_(loop), hooks_(std::move(hooks)) {
  for (auto& one : launched) {
    Process& process = processes_.emplace_back(loop_, std::move(one));
    ++running_;
    tasks_ += 2;
    loop_.spawn(watch_exit(process), "extension exit");
    loop_.spawn(read_output(process), "extension log");
  }
}

ExtensionProcesses::~ExtensionProcesses() = default;

std::vector<std::string> ExtensionProcesses::names() const {
  std::vector<std::string> names;
  for (const Process& process : processes_) names.push_back(process.launched->name());
  return names;
}

void ExtensionProcesses::kill(std::string_view name) {
  for (Process& process : processes_) {
    if (!process.ended && process.launched->name() == name) process.launched->signal(SIGKILL);
  }
}

void ExtensionProcesses::kill_all() {
  for (Process& process : processes_) {
    if (!process.ended) process.launched->signal(SIGKILL);
  }
}

Task<void> ExtensionProcesses::read_output(Process& process) {
  while (process.output.is_open()) {
    const bool ready = co_await process.output.readable();
    if (ready) drain(process);
  }
  task_over();
}

/// Takes what the pipe holds. The end of the pipe closes it.
void ExtensionProcesses::drain(Process& process) {
  if (!process.output.is_open()) return;
  std::array<char, 16384> buffer;
  std::size_t taken = 0;
  while (taken < log_turn) {
    const ReadResult result = process.output.read_now(buffer);
    taken += result.bytes;
    process.partial.append(buffer.data(), result.bytes);
    if (const auto end = process.partial.rfind('\n'); end != std::string::npos) {
      hooks_.on_output(std::string_view(process.partial).substr(0, end + 1));
      process.partial.erase(0, end + 1);
    } else if (process.partial.size() > longest_line) {
      hooks_.on_output(std::exchange(process.partial, {}) + '\n');
    }
    if (!result.usable()) return process.output.close();
    if (result.bytes < buffer.size()) return;
  }
}

Task<void> ExtensionProcesses::watch_exit(Process& process) {
  const ExitStatus status = co_await process.launched->exited();
  process.ended = true;
  --running_;
  drain(process);
  if (!process.partial.empty()) hooks_.on_output(std::exchange(process.partial, {}) + '\n');
  // Somebody the process left behind may hold the pipe; its end is not waited for.
  process.output.close();
  const std::string how = status.describe();
  hooks_.on_ended(process.launched->name(), how);
  task_over();
}

void ExtensionProcesses::task_over() {
  if (--tasks_ == 0) hooks_.on_gone();
}

}  // namespace kiln
