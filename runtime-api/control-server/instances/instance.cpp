// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/instance.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

// What is read of a log in one go before others get their turn.
constexpr std::size_t log_turn = 1 << 20;

FunctionError worded(std::string_view type, std::string_view request_id, std::string_view what) {
  const std::string message = "RequestId: " + std::string(request_id) + " Error: " + std::string(what);
  return {std::string(type), platform_error_body(type, message), "application/json", {}};
}

ExtensionRegistry::Options registry_options(const FunctionConfiguration& function, const InstanceSettings& settings) {
  return {{function.name, function.version, function.handler, settings.account_id},
          function.kiln.concurrency <= 1,
          random_uuid};
}

std::string timed_out_text(int timeout_s) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "Task timed out after %d.00 seconds", timeout_s);
  return text.data();
}

}  // namespace

std::string_view to_string(InstanceState state) {
  switch (state) {
    case InstanceState::starting: return "Starting";
    case InstanceState::idle: return "Idle";
    case InstanceState::busy: return "Busy";
    case InstanceState::stopping: return "Stopping";
    case InstanceState::stopped: return "Stopped";
    case InstanceState::init_failed: return "InitFailed";
  }
  return "Unknown";
}

struct Instance::Link {
  Link(EventLoop& loop, int fd, const http::ConnectionOptions& options, bool own_channel)
      : connection(loop, fd, options) {
    api.hold_accepted = own_channel;
  }
  http::Connection connection;
  RuntimeApiOptions api;
};

Instance::Instance(EventLoop& loop, std::string id, DeployedFunction function,
                   std::unique_ptr<LaunchedInstance> launched, InstanceLog log, InstanceSettings settings, Hooks hooks)
    : loop_(loop),
      id_(std::move(id)),
      function_(std::move(function)),
      launched_(std::move(launched)),
      log_(std::move(log)),
      hooks_(std::move(hooks)),
      connection_options_(runtime_connection_options()),
      settings_(std::move(settings)),
      session_(static_cast<std::size_t>(std::max(1, function_.configuration->kiln.concurrency))),
      extensions_(registry_options(*function_.configuration, settings_)),
      kill_timer_(loop),
      started_at_(Deadline::Clock::now()),
      idle_since_(started_at_) {
  session_.on_idle([this] { became_idle(); });
  extensions_.set_hooks({[this] { became_idle(); }, nullptr});
  tasks_ = 1;
  loop_.spawn(watch_exit(), "instance exit");
  if (const int fd = launched_->take_log(); fd >= 0) {
    output_ = std::make_unique<Stream>(loop_, fd);
    ++tasks_;
    loop_.spawn(read_log(), "instance log");
  }
  if (const int fd = launched_->take_channel(); fd >= 0) {
    own_bootstrap_ = true;
    adopt(fd, true);
  }
  if (const int fd = launched_->take_listener(); fd >= 0) {
    listener_ = std::make_unique<http::Listener>(loop_, fd, [this](int accepted) { adopt(accepted, false); });
  }
}

Instance::~Instance() = default;

/// The runtime can take an event, or the last extension that was waited for has asked for its next.
void Instance::became_idle() {
  if (free_slots() == 0) return;
  state_ = InstanceState::idle;
  idle_since_ = Deadline::Clock::now();
  hooks_.on_idle(*this);
}

// --- the runtime's connections ---------------------------------------------------------------------------------------

void Instance::adopt(int fd, bool own_channel) {
  Link& link = links_.emplace_back(loop_, fd, connection_options_, own_channel);
  if (settings_.extensions_enabled) link.api.extensions = &extensions_;
  ++tasks_;
  loop_.spawn(serve(link), "runtime connection");
}

Task<void> Instance::serve(Link& link) {
  co_await serve_runtime_api(link.connection, session_, link.api);
  const bool own_channel = link.api.hold_accepted;
  links_.remove_if([&](const Link& other) { return &other == &link; });
  // A bootstrap that has closed its only way to us is ending, or stuck: it gets as long as a shutdown takes.
  if (own_channel && !exited_ && !kill_timer_.armed()) {
    state_ = InstanceState::stopping;
    kill_timer_.arm(Deadline::after(limits::shutdown_timeout), [this] { kill(); });
  }
  task_over();
}

// --- log ---------------------------------------------------------------------------------------------------------------

Task<void> Instance::read_log() {
  while (output_->is_open()) {
    const bool ready = co_await output_->readable();
    if (ready) drain_log();
  }
  task_over();
}

/// Takes what the pipe holds. The end of the pipe closes it.
void Instance::drain_log() {
  if (!output_ || !output_->is_open()) return;
  std::array<char, 65536> buffer;
  std::size_t taken = 0;
  while (taken < log_turn) {
    const ReadResult result = output_->read_now(buffer);
    if (result.bytes > 0) log_.output(std::string_view(buffer.data(), result.bytes));
    taken += result.bytes;
    if (!result.usable()) return output_->close();
    if (result.bytes < buffer.size()) return;
  }
}

// --- life --------------------------------------------------------------------------------------------------------------

Task<std::optional<FunctionError>> Instance::init(Deadline deadline) {
  Timer timer(loop_);
  timer.arm(deadline, [this] {
    kill();
    session_.end({std::string(error_types::timed_out), {}, "application/json", {}});
  });
  InitOutcome outcome = co_await session_.initialized();
  extensions_.close_registration();
  timer.cancel();
  if (outcome.ready) co_return std::nullopt;
  // A runtime that has reported its failure goes by itself; it need not, so it gets a limit.
  if (!exited_ && state_ != InstanceState::stopping) {
    state_ = InstanceState::init_failed;
    kill_timer_.arm(Deadline::after(limits::shutdown_timeout), [this] { kill(); });
  }
  co_return std::move(outcome.error);
}

/// Counts a coroutine among those that refer to the instance, however it ends.
class Instance::Stay {
 public:
  explicit Stay(Instance& instance) : instance_(instance) { ++instance_.tasks_; }
  ~Stay() { instance_.task_over(); }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

 private:
  Instance& instance_;
};

Task<InvocationReport> Instance::invoke(const Invocation& invocation, ResponseSink* sink) {
  const Stay stay(*this);
  state_ = InstanceState::busy;
  ++invocations_;
  log_.start(invocation.request_id, function_.configuration->version);
  Timer timer(loop_);
  timer.arm(invocation.deadline, [this, &invocation] {
    kill();
    session_.fail(invocation.request_id, {std::string(error_types::timed_out), {}, "application/json", {}});
  });
  const auto begun = Deadline::Clock::now();
  InvocationReport report;
  extensions_.invoke(invocation);
  report.result = co_await session_.invoke(invocation, sink);
  report.duration = Deadline::Clock::now() - begun;
  timer.cancel();
  if (auto* const error = std::get_if<FunctionError>(&report.result)) {
    *error = worded_for(std::move(*error), invocation.request_id);
  }
  drain_log();
  co_return report;
}

FunctionError Instance::worded_for(FunctionError error, std::string_view request_id) const {
  if (!error.body.empty()) return error;
  if (error.type == error_types::timed_out) {
    return worded(error_types::timed_out, request_id, timed_out_text(function_.configuration->timeout_s));
  }
  return exit_error(request_id);
}

void Instance::stop() {
  if (exited_ || state_ == InstanceState::stopping) return;
  state_ = InstanceState::stopping;
  launched_->signal(SIGTERM);
  kill_timer_.arm(Deadline::after(limits::shutdown_timeout), [this] { kill(); });
}

void Instance::kill() {
  if (exited_) return;
  state_ = InstanceState::stopping;
  launched_->signal(SIGKILL);
}

Task<void> Instance::watch_exit() {
  exit_status_ = co_await launched_->exited();
  on_exit();
  task_over();
}

void Instance::on_exit() {
  exited_ = true;
  kill_timer_.cancel();
  state_ = InstanceState::stopping;
  drain_log();
  // Somebody the process left behind may hold the pipe; its end is not waited for.
  if (output_) output_->close();
  if (listener_) listener_->close();
  session_.end({std::string(error_types::exit_error), {}, "application/json", {}});
  extensions_.end();
  for (auto link = links_.begin(); link != links_.end();) (link++)->connection.close();
}

/// The last of the instance's tasks tells its owner, who may then destroy it.
void Instance::task_over() {
  if (--tasks_ > 0) return;
  state_ = InstanceState::stopped;
  loop_.post([this] { hooks_.on_stopped(*this); });
}

std::string Instance::exit_text() const {
  const std::string how = exit_status_.describe();
  std::string text = how.empty() ? "Runtime exited without providing a reason" : "Runtime exited with error: " + how;
  if (exit_status_.out_of_memory)
    text += " (memory limit " + std::to_string(function_.configuration->memory_mb) + " MB)";
  return text;
}

FunctionError Instance::exit_error(std::string_view request_id) const {
  return worded(exit_status_.out_of_memory ? error_types::out_of_memory : error_types::exit_error, request_id,
                exit_text());
}

int Instance::peak_memory_mb() const {
  const long reported = own_bootstrap_ ? session_.reported_memory_kib() : 0;
  const long kib = reported > 0 ? reported : launched_->peak_memory_kib();
  return static_cast<int>((kib + 1023) / 1024);
}

}  // namespace kiln
