// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/command_call.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "runtime-api/control-server/launchers/command_protocol.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"

namespace kiln {
namespace {

constexpr std::size_t max_written = 1 << 20;  // to both together
constexpr std::size_t kept_errors = 4'096;

/// A file in memory, to be read from its beginning: a command that does not read its input holds nobody up.
Descriptor memory_file(std::string_view bytes) {
  Descriptor file(::memfd_create("kiln-request", MFD_CLOEXEC));
  if (!file || ::pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::system_error(errno, std::generic_category(), "memfd");
  }
  return file;
}

}  // namespace

void CommandCall::kill(CommandOutcome::End why) {
  if (outcome_.end == CommandOutcome::End::exited) outcome_.end = why;
  if (process_) process_->signal_group(SIGKILL);
}

/// All there is: the pipe tells of changes only. Of more than `keep` bytes the last are kept.
void CommandCall::take(int pipe, std::string& into, std::size_t keep) {
  std::array<char, 16'384> buffer;
  while (written_ <= max_written) {
    const ssize_t n = ::read(pipe, buffer.data(), buffer.size());
    if (n <= 0) return;
    written_ += static_cast<std::size_t>(n);
    into.append(buffer.data(), static_cast<std::size_t>(n));
    if (into.size() > keep) into.erase(0, into.size() - keep);
  }
  kill(CommandOutcome::End::wrote_too_much);
}

Task<CommandOutcome> CommandCall::run(std::string input, std::vector<int> inherited, Deadline limit) {
  try {
    co_await execute(input, std::move(inherited), limit);
  } catch (const std::system_error& error) {  // no descriptors left
    outcome_.end = CommandOutcome::End::not_executed;
    outcome_.error = error.code();
  }
  co_return std::move(outcome_);
}

Task<void> CommandCall::execute(const std::string& input, std::vector<int> inherited, Deadline limit) {
  LogPipe output = make_log_pipe();
  LogPipe errors = make_log_pipe();
  const Descriptor stdin_file = memory_file(input);
  SpawnRequest request;
  request.executable = context_.command.string();
  request.environment = context_.environment;
  request.working_directory = "/";
  request.input = stdin_file.get();
  request.output = output.write_end.get();
  request.errors = errors.write_end.get();
  request.inherited = std::move(inherited);
  const SpawnResult spawned = co_await context_.thread.run([this, &request] {
    SpawnResult result = spawn_process(request);
    if (!result.error) context_.guard.watch(result.pid);
    return result;
  });
  output.write_end.reset();
  errors.write_end.reset();
  if (spawned.error) {
    outcome_.end = CommandOutcome::End::not_executed;
    outcome_.error = spawned.error;
    co_return;
  }
  process_.emplace(context_.loop, spawned.pid, spawned.borrowed_peak_kib);
  if (outcome_.end != CommandOutcome::End::exited) process_->signal_group(SIGKILL);
  const auto take_output = [this, &output] {
    // One byte more than may be read tells that it is too much.
    take(output.read_end.get(), outcome_.output, max_launch_answer + 1);
    if (outcome_.output.size() > max_launch_answer) kill(CommandOutcome::End::wrote_too_much);
  };
  const auto take_errors = [this, &errors] { take(errors.read_end.get(), outcome_.errors, kept_errors); };
  {
    const DescriptorWatch output_watch(context_.loop, output.read_end.get(), take_output);
    const DescriptorWatch errors_watch(context_.loop, errors.read_end.get(), take_errors);
    timer_.arm(limit, [this] { kill(CommandOutcome::End::overstayed); });
    outcome_.status = co_await process_->exited();
    timer_.cancel();
  }
  // What it has started may hold the pipes: their end is not waited for.
  context_.guard.forget(spawned.pid);
  process_.reset();
  take_output();
  take_errors();
}

}  // namespace kiln
