// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/command_launcher.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/process_view.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

using std::chrono::milliseconds;

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

std::string seconds_text(Deadline::Clock::duration span) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f s", std::chrono::duration<double>(span).count());
  return text.data();
}

/// What a command wrote of itself, as the end of a sentence.
std::string with_errors(std::string message, std::string_view errors) {
  const auto end = errors.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return message;
  errors = errors.substr(0, end + 1);
  // Of what was cut off at its beginning, whole lines.
  if (errors.size() > 2'000) errors = errors.substr(errors.find('\n', errors.size() - 2'000) + 1);
  return std::move(message) + "; it wrote: " + std::string(errors);
}

/// Why a run of the command came to nothing; nothing where it answered and ended well.
std::optional<LaunchError> failure_of(const CommandOutcome& outcome, const std::string& what,
                                      Deadline::Clock::duration limit) {
  const std::string type(error_types::sandbox_failure);
  switch (outcome.end) {
    case CommandOutcome::End::not_executed:
      return LaunchError{type, "Couldn't run the " + what + ": " + outcome.error.message()};
    case CommandOutcome::End::cancelled: return LaunchError{type, "The server is stopping"};
    case CommandOutcome::End::overstayed:
      return LaunchError{type,
                         with_errors("The " + what + " did not end within " + seconds_text(limit) + " and was killed",
                                     outcome.errors)};
    case CommandOutcome::End::wrote_too_much:
      return LaunchError{type,
                         with_errors("The " + what + " wrote more than may be read and was killed", outcome.errors)};
    case CommandOutcome::End::exited: break;
  }
  if (auto told = told_error(outcome.output)) {
    told->message = with_errors(std::move(told->message), outcome.errors);
    return told;
  }
  const std::string how = outcome.status.describe();
  if (how.empty()) return std::nullopt;
  return LaunchError{type, with_errors("The " + what + " failed (" + how + ")", outcome.errors)};
}

LaunchError senseless(const std::string& what, const std::string& why) {
  return {std::string(error_types::sandbox_failure), "The answer of the " + what + " makes no sense: " + why};
}

Task<void> ask(CommandCall& call, CommandOutcome& outcome, EventLoop& loop) {
  const std::string request = describe_request();
  const std::vector<int> nothing;
  const Deadline limit = Deadline::after(launch_describe_limit);
  outcome = co_await call.run(request, nothing, limit);
  loop.stop();
}

}  // namespace

CommandDescription describe_command(const std::filesystem::path& command) {
  const OrphanGuard guard;
  EventLoop loop([](std::string_view, std::string_view) {});
  const std::vector<std::string> environment = own_environment();
  CommandOutcome outcome;
  {
    WorkerPool thread(loop, 1, "kiln-launcher");
    CommandCall call({loop, thread, guard, command, environment});
    loop.spawn(ask(call, outcome, loop), "launch command");
    loop.run();
  }
  const std::string what = "launch command " + command.string() + " (describe)";
  if (const auto error = failure_of(outcome, what, launch_describe_limit)) throw std::runtime_error(error->message);
  auto description = read_description(outcome.output);
  if (const auto* const why = std::get_if<std::string>(&description)) {
    throw std::runtime_error(senseless(what, *why).message);
  }
  return std::get<CommandDescription>(std::move(description));
}

/// What was asked to be started, until it has been stopped. Whoever waits for something of it keeps it alive.
class CommandLauncher::Commanded : public std::enable_shared_from_this<Commanded> {
 public:
  Commanded(CommandLauncher& launcher, CommandSubject subject) : launcher_(launcher), subject_(std::move(subject)) {
    ++launcher_.open_;
  }
  ~Commanded() { --launcher_.open_; }
  Commanded(const Commanded&) = delete;
  Commanded& operator=(const Commanded&) = delete;

  std::string what(const char* action) const {
    return "launch command " + launcher_.options_.command.string() + " (" + action + " of instance " +
           subject_.instance_id + ")";
  }

  /// What happens to the server from here on, there will be a stop. Nothing may be started where that cannot be promised.
  Task<std::optional<LaunchError>> keep_record() {
    try {
      co_await launcher_.context_.thread.run([this] { launcher_.records_.keep(subject_); });
    } catch (const std::exception& error) {
      co_return LaunchError{std::string(error_types::sandbox_failure), error.what()};
    }
    co_return std::nullopt;
  }

  /// It runs: its end is watched for.
  void started(const CommandStart& start) {
    pid_ = start.pid;
    if (pid_ != 0) watch_process();
    if (start.wait) launcher_.context_.loop.spawn(wait(shared_from_this()), "launch command");
  }

  /// The first reason counts. There is one stop, whatever happens.
  void end(StopReason reason, milliseconds grace) {
    if (std::exchange(ending_, true)) return;
    sample_memory();
    process_watch_.reset();
    launcher_.context_.loop.spawn(stop(shared_from_this(), reason, grace), "launch command");
  }

  /// Nothing has been started, so no stop is owed.
  void remove_record() const {
    launcher_.context_.thread.submit([records = launcher_.records_, id = subject_.instance_id] { records.remove(id); });
  }

  void set_handle(const std::string& handle) { subject_.handle = handle; }
  int pid() const { return pid_; }
  Completion<ExitStatus>& exited() { return exited_; }
  long peak_memory_kib() {
    sample_memory();
    return peak_kib_;
  }

 private:
  void watch_process() {
    memory_.emplace(pid_);
    try {
      pidfd_ = open_pidfd(pid_);
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_process) report(error.what());
      return end(StopReason::ended, {});  // it has gone already
    }
    process_watch_.emplace(launcher_.context_.loop, pidfd_.get(), [this] { end(StopReason::ended, {}); });
  }

  void sample_memory() {
    if (memory_) peak_kib_ = std::max(peak_kib_, memory_->kib());
  }

  void report(const std::string& message) const {
    launcher_.context_.loop.report("launch command", std::make_exception_ptr(std::runtime_error(message)));
  }

  /// Its run ends when the instance has ended, or is killed once that has been stopped.
  static Task<void> wait(std::shared_ptr<Commanded> self) {
    CommandCall call(self->launcher_.context_);
    self->waiting_ = &call;
    const std::string request = wait_request(self->subject_);
    const std::vector<int> nothing;
    const CommandOutcome outcome = co_await call.run(request, nothing, Deadline::never());
    self->waiting_ = nullptr;
    if (self->ending_) co_return;
    if (const auto error = failure_of(outcome, self->what("wait"), {})) self->report(error->message);
    self->end(StopReason::ended, {});
  }

  static Task<void> stop(std::shared_ptr<Commanded> self, StopReason reason, milliseconds grace) {
    const milliseconds limit = grace + self->launcher_.options_.stop_limit;
    CommandCall call(self->launcher_.context_);
    const std::string request = stop_request(self->subject_, reason, grace, limit);
    const std::vector<int> nothing;
    const Deadline deadline = Deadline::after(limit);
    const CommandOutcome outcome = co_await call.run(request, nothing, deadline);
    CommandEnd end;
    std::optional<LaunchError> error = failure_of(outcome, self->what("stop"), limit);
    if (!error) {
      auto answer = read_end(outcome.output);
      if (const auto* const why = std::get_if<std::string>(&answer)) {
        error = senseless(self->what("stop"), *why);
      } else {
        end = std::get<CommandEnd>(std::move(answer));
      }
    }
    if (error) self->report(error->message + "; what it has started may still run");
    self->remove_record();
    self->peak_kib_ = std::max(self->peak_kib_, end.peak_memory_kib);
    self->memory_.reset();
    if (self->waiting_ != nullptr) self->waiting_->cancel();
    self->exited_.set(end.status);
  }

  CommandLauncher& launcher_;
  CommandSubject subject_;
  int pid_ = 0;
  Descriptor pidfd_;
  std::optional<DescriptorWatch> process_watch_;
  std::optional<PeakMemory> memory_;
  long peak_kib_ = 0;
  CommandCall* waiting_ = nullptr;
  Completion<ExitStatus> exited_;
  bool ending_ = false;
};

class CommandLauncher::CommandedInstance final : public LaunchedInstance {
 public:
  CommandedInstance(std::shared_ptr<Commanded> commanded, Endpoints ends)
      : commanded_(std::move(commanded)), executed_at_(Deadline::Clock::now()), ends_(std::move(ends)) {}
  ~CommandedInstance() override { commanded_->end(StopReason::kill, {}); }

  int pid() const override { return commanded_->pid(); }
  Deadline::Clock::time_point executed_at() const override { return executed_at_; }
  void signal(int signal_number) override {
    if (signal_number == SIGTERM) return commanded_->end(StopReason::shutdown, limits::shutdown_timeout);
    commanded_->end(StopReason::kill, {});
  }
  Completion<ExitStatus>& exited() override { return commanded_->exited(); }
  long peak_memory_kib() const override { return commanded_->peak_memory_kib(); }
  int take_log() override { return ends_.log_read.release(); }
  std::vector<Descriptor> take_channels() override { return {}; }
  int take_listener() override { return ends_.listener.release(); }

 private:
  const std::shared_ptr<Commanded> commanded_;
  const Deadline::Clock::time_point executed_at_;
  Endpoints ends_;
};

/// A start under way, which `stop` gives up.
class CommandLauncher::Starting {
 public:
  Starting(std::set<CommandCall*>& all, CommandCall& call) : all_(all), call_(call) { all_.insert(&call_); }
  ~Starting() { all_.erase(&call_); }
  Starting(const Starting&) = delete;
  Starting& operator=(const Starting&) = delete;

 private:
  std::set<CommandCall*>& all_;
  CommandCall& call_;
};

CommandLauncher::CommandLauncher(EventLoop& loop, WorkerPool& thread, const OrphanGuard& guard, CommandOptions options)
    : options_(std::move(options)),
      environment_(own_environment()),
      context_{loop, thread, guard, options_.command, environment_},
      records_(options_.records) {
  for (CommandSubject& left : records_.all()) {
    std::make_shared<Commanded>(*this, std::move(left))->end(StopReason::orphaned, {});
  }
}

InstancePaths CommandLauncher::paths(const InstanceSpec& spec) const {
  return options_.description.host_paths ? paths_on_host(spec) : paths_in_own_root(spec);
}

Task<LaunchResult> CommandLauncher::start(InstanceSpec spec) {
  if (stopping_) co_return LaunchError{std::string(error_types::sandbox_failure), "The server is stopping"};
  Endpoints ends = make_endpoints(0, false);
  ends.listener = listen_on_free_port(options_.listen, ends.address);
  add_api_address(spec.environment, ends.address);
  const Deadline::Clock::duration limit = spec.init_deadline.remaining();
  const auto commanded = std::make_shared<Commanded>(*this, CommandSubject{spec.instance_id, spec.function_name, {}});
  CommandCall call(context_);
  const Starting under_way(starting_, call);
  std::optional<LaunchError> error = co_await commanded->keep_record();
  if (error) co_return std::move(*error);
  const std::string request = start_request(spec, paths(spec), ends.address);
  const std::vector<int> inherited(1, ends.log_write.get());
  const CommandOutcome outcome = co_await call.run(request, inherited, spec.init_deadline);
  ends.close_theirs();

  error = failure_of(outcome, commanded->what("start"), limit);
  CommandStart started;
  if (!error) {
    auto answer = read_start(outcome.output);
    if (const auto* const why = std::get_if<std::string>(&answer)) {
      error = senseless(commanded->what("start"), *why);
    } else {
      started = std::get<CommandStart>(std::move(answer));
    }
  }
  if (!error && !started.handle.empty()) {
    commanded->set_handle(started.handle);
    error = co_await commanded->keep_record();
  }
  if (error) {
    if (outcome.end == CommandOutcome::End::not_executed) {
      commanded->remove_record();
    } else {
      commanded->end(StopReason::start_failed, {});
    }
    error->message = with_errors(std::move(error->message), unread_log(ends.log_read));
    co_return std::move(*error);
  }
  commanded->started(started);
  co_return std::make_unique<CommandedInstance>(commanded, std::move(ends));
}

void CommandLauncher::stop() {
  stopping_ = true;
  for (CommandCall* const call : starting_) call->cancel();
}

std::chrono::milliseconds CommandLauncher::end_limit() const {
  return open_ == 0 ? milliseconds(0) : limits::shutdown_timeout + options_.stop_limit;
}

}  // namespace kiln
