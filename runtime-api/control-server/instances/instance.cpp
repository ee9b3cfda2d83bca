// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/instance.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/control-server/instances/instance_environment.hpp"
#include "runtime-api/control-server/instances/instance_link.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

constexpr std::chrono::milliseconds freshness{10};  // of a look at memory

// What is read of a log in one go before others get their turn.
constexpr std::size_t log_turn = 1 << 20;

// From the end of a process's sockets to that of the instance's. A runtime of ours that has made several ends the others first.
constexpr std::chrono::milliseconds exit_follows_cut{200};
constexpr auto own_exit_follows_cut = limits::shutdown_timeout + exit_follows_cut;

// Connections of one instance, beside four for each event it may have at once: clients hold a poll and a post each, and now
// and then a third; up to ten extensions have a few.
constexpr std::size_t spare_connections = 60;

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
      freeze_timer_(loop),
      settle_timer_(loop),
      started_at_(Deadline::Clock::now()),
      idle_since_(started_at_) {
  session_.on_idle([this] { became_idle(); });
  extensions_.set_hooks(
      {[this] { extensions_settled(); }, [this](const ExtensionFailure& failure) { extension_failed(failure); }});
  tasks_ = 1;
  if (const int fd = launched_->take_log(); fd >= 0) {
    output_ = std::make_unique<Stream>(loop_, fd);
    ++tasks_;
    loop_.spawn(read_log(), "instance log");
  }
  if (const int fd = launched_->take_frames(); fd >= 0) {
    ++tasks_;
    frames_ = std::make_unique<FramePipe>(loop_, fd, log_, [this] { task_over(); });
  }
  std::vector<Descriptor> channels = launched_->take_channels();
  const bool somebodys = launched_->is_its_connection();
  own_bootstrap_ = !channels.empty() && !somebodys;
  for (Descriptor& channel : channels) adopt(channel.release(), !somebodys);
  if (const int fd = launched_->take_listener(); fd >= 0) {
    listener_ = std::make_unique<http::Listener>(loop_, fd, [this](int accepted) { adopt(accepted, false); });
  }
  if (auto extensions = launched_->take_extensions(); !extensions.empty()) {
    ++tasks_;
    extension_processes_ = std::make_unique<ExtensionProcesses>(
        loop_, std::move(extensions),
        ExtensionProcesses::Hooks{
            [this](std::string_view lines) { log_.output(lines, OutputOrigin::extension); },
            [this](const std::string& name, const std::string& how) { extension_ended(name, how); },
            [this] { task_over(); }});
    for (const std::string& name : extension_processes_->names()) extensions_.expect(name);
  }
  // Last: a process that has ended already ends what was begun above, and nothing may begin after that.
  loop_.spawn(watch_exit(), "instance exit");
}

Instance::~Instance() = default;

/// The runtime can take an event, or the last extension that was waited for has asked for its next.
void Instance::became_idle() {
  // A runtime that polls again has not ended. With several at once another one may be polling.
  if (!exit_watches_.empty() && function_.configuration->kiln.concurrency <= 1) end_exit_watches(false);
  if (const std::size_t slots = session_.in_flight() + session_.free_slots(); slots > most_slots_) {
    most_slots_ = slots;
    last_loop_begun_ = Deadline::Clock::now();
  }
  if (free_slots() == 0) return;
  settle_timer_.cancel();
  state_ = InstanceState::idle;
  idle_since_ = Deadline::Clock::now();
  if (settings_.freeze_after.count() > 0 && session_.in_flight() == 0) {
    freeze_timer_.arm(Deadline::after(settings_.freeze_after), [this] { freeze(); });
  }
  hooks_.on_idle(*this);
}

/// One with extensions is left alone: they have work of their own between events.
void Instance::freeze() {
  if (state_ != InstanceState::idle || session_.in_flight() > 0 || !extensions_.empty()) return;
  frozen_ = launched_->freeze();
}

void Instance::thaw() {
  freeze_timer_.cancel();
  if (std::exchange(frozen_, false)) launched_->thaw();
}

// --- the runtime's connections ---------------------------------------------------------------------------------------

void Instance::adopt(int fd, bool own_channel) {
  const auto concurrency = static_cast<std::size_t>(std::max(1, function_.configuration->kiln.concurrency));
  const std::size_t limit = spare_connections + 4 * concurrency;
  if (links_.size() >= limit) {
    ::close(fd);
    if (std::exchange(told_of_refused_connections_, true)) return;
    return log_.fault({}, "Warning: the instance has " + std::to_string(limit) +
                              " connections to its Runtime API; further ones are closed");
  }
  Link& link = links_.emplace_back(loop_, fd, connection_options_, own_channel);
  link.api.runtime = own_channel || !own_bootstrap_;
  link.api.restore = starts_from_snapshot(*function_.configuration);
  link.api.metadata = &settings_.metadata;
  if (settings_.extensions_enabled) {
    link.api.extensions = &extensions_;
    link.api.telemetry = &telemetry_;
  }
  ++tasks_;
  loop_.spawn(serve(link), "runtime connection");
}

Task<void> Instance::serve(Link& link) {
  co_await serve_runtime_api(link.connection, session_, link.api);
  const bool own_channel = link.api.hold_accepted;
  links_.remove_if([&](const Link& other) { return &other == &link; });
  if (launched_->is_its_connection()) kill_runtime(ShutdownReason::failure);
  // A bootstrap that has closed a way to us is ending, or stuck: it gets as long as a shutdown takes.
  if (own_channel && !exited_ && !kill_timer_.armed()) {
    state_ = InstanceState::stopping;
    kill_timer_.arm(Deadline::after(limits::shutdown_timeout), [this] { kill_runtime(ShutdownReason::failure); });
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

/// Takes what the pipes hold. The end of a pipe closes it.
void Instance::drain_log() {
  if (frames_) frames_->drain();
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

Task<std::optional<FunctionError>> Instance::init(Deadline deadline, InitPhase phase) {
  const InitKind kind{phase, starts_from_snapshot(*function_.configuration)};
  Timer timer(loop_);
  timer.arm(deadline, [this] {
    const FunctionError error{std::string(error_types::timed_out), {}, "application/json", {}};
    kill_runtime(ShutdownReason::timeout);
    session_.end(error);
    if (awaiting_extensions_) extensions_ready_.set({false, error});
  });
  InitOutcome outcome = co_await session_.initialized();
  extensions_.close_registration();
  drain_log();
  telemetry_.runtime_initialized(outcome.ready ? nullptr : &outcome.error, kind);
  if (outcome.ready && !extensions_.settled()) {
    outcome = co_await init_extensions();
  }
  timer.cancel();
  if (outcome.ready && session_.awaits_restore()) {
    outcome = co_await restore();
  }
  if (session_.ready_without_poll()) {
    settle_timer_.arm(Deadline::after(limits::init_timeout), [this] { stop(ShutdownReason::timeout); });
  }
  sample_memory();
  if (outcome.ready) {
    last_loop_begun_ = Deadline::Clock::now();
    init_duration_ = last_loop_begun_ - started_at_;
    telemetry_.init_over(nullptr, kind);
    co_return std::nullopt;
  }
  log_.fault({}, init_fault(outcome.error));
  telemetry_.init_over(&outcome.error, kind);
  // A runtime that has reported its failure goes by itself; it need not, so it gets a limit.
  if (!exited_ && state_ != InstanceState::stopping) {
    state_ = InstanceState::init_failed;
    kill_timer_.arm(Deadline::after(limits::shutdown_timeout), [this] { kill_runtime(ShutdownReason::failure); });
  }
  co_return std::move(outcome.error);
}

/// The runtime has polled; the extensions are still on their way.
Task<InitOutcome> Instance::init_extensions() {
  awaiting_extensions_ = true;
  InitOutcome outcome = co_await extensions_ready_;
  awaiting_extensions_ = false;
  co_return outcome;
}

/// No snapshot is taken: what the runtime asked to be restored from is itself, so its hooks run at once.
Task<InitOutcome> Instance::restore() {
  Timer limit(loop_);
  limit.arm(Deadline::after(limits::restore_timeout), [this] {
    kill_runtime(ShutdownReason::timeout);
    session_.end({std::string(error_types::restore_timeout), {}, "application/json", {}});
  });
  const FunctionConfiguration& configuration = *function_.configuration;
  log_.restore_start({configuration.runtime, {}, configuration.name, configuration.version, id_});
  const auto begun = Deadline::Clock::now();
  session_.restore();
  InitOutcome outcome = co_await session_.restored();
  restore_duration_ = Deadline::Clock::now() - begun;
  drain_log();
  telemetry_.restored(*restore_duration_, outcome.ready ? nullptr : &outcome.error);
  co_return outcome;
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
  if (settings_.freeze_after.count() > 0) thaw();
  state_ = InstanceState::busy;
  ++invocations_;
  log_.start({invocation.request_id, function_.configuration->version, invocation.trace_id});
  Timer timer(loop_);
  timer.arm(invocation.deadline, [this, &invocation] { overrun(invocation); });
  const auto begun = Deadline::Clock::now();
  InvocationReport report;
  extensions_.invoke(invocation);
  CallTrace trace;
  CallTrace* const wanted = log_.wants_runtime_done() ? &trace : nullptr;
  report.result = co_await session_.invoke(invocation, sink, wanted);
  report.duration = Deadline::Clock::now() - begun;
  timer.cancel();
  if (auto* const error = std::get_if<FunctionError>(&report.result)) {
    if (error->type == error_types::truncated_response) co_await explain_cut(*error);
    // Its runtime still streams to nobody, and would go on.
    if (error->type == error_types::invoker_gone) overran_ = true;
    *error = worded_for(std::move(*error), invocation.request_id);
    log_limits(invocation.request_id);
  }
  drain_log();
  telemetry_.runtime_done(invocation, report.result, trace, begun, report.duration);
  if (overran_ && session_.in_flight() == 0) kill_runtime(ShutdownReason::timeout);
  await_next_events(invocation.deadline);
  co_return report;
}

/// An answer that breaks off is mostly the first that is seen of a process that ends: then that is what has happened.
Task<void> Instance::explain_cut(FunctionError& error) {
  if (!exited_) {
    Completion<bool> end;
    exit_watches_.push_back(&end);
    const bool ours = canonical_runtime(function_.configuration->runtime) != "provided";
    Timer timer(loop_);
    timer.arm(Deadline::after(ours ? own_exit_follows_cut : exit_follows_cut), [this, &end] {
      std::erase(exit_watches_, &end);
      end.set(false);
    });
    const bool exited = co_await end;
    if (!exited) co_return;
  }
  error.type = error_types::exit_error;
  error.body.clear();  // to be worded for the exit
}

void Instance::end_exit_watches(bool exited) {
  for (Completion<bool>* const watch : std::exchange(exit_watches_, {})) watch->set(exited);
}

/// What overran its timeout may still be at work, so the instance gets no further event. Invocations beside this one may end,
/// and then it is killed.
void Instance::overrun(const Invocation& invocation) {
  overran_ = true;
  if (session_.in_flight() <= 1) kill_runtime(ShutdownReason::timeout);
  session_.fail(invocation.request_id, {std::string(error_types::timed_out), {}, "application/json", {}});
}

std::size_t Instance::unclaimed_slots() const {
  if (overran_ || (state_ != InstanceState::idle && state_ != InstanceState::busy)) return 0;
  const auto limit = static_cast<std::size_t>(std::max(1, function_.configuration->kiln.concurrency));
  return limit - std::min(limit, session_.in_flight());
}

Deadline::Clock::time_point Instance::loops_expected_until() const {
  const auto limit = static_cast<std::size_t>(std::max(1, function_.configuration->kiln.concurrency));
  return most_slots_ < limit ? last_loop_begun_ + init_duration_ : Deadline::Clock::time_point::min();
}

/// The answer does not wait for the runtime and the extensions to ask for their next events, but that is part of the
/// invocation too, and so of its timeout (developer guide, "Invoke phase").
void Instance::await_next_events(Deadline deadline) {
  if (state_ != InstanceState::busy || session_.in_flight() > 0 || idle()) return;
  settle_timer_.arm(deadline, [this] { stop(ShutdownReason::timeout); });
}

/// What may be behind a failure.
void Instance::log_limits(std::string_view request_id) {
  for (const std::string& limit : launched_->limits_reached()) log_.fault(request_id, limit);
}

FunctionError Instance::worded_for(FunctionError error, std::string_view request_id) const {
  if (!error.body.empty()) return error;
  if (error.type == error_types::timed_out) {
    return worded(error_types::timed_out, request_id, timed_out_text(function_.configuration->timeout_s));
  }
  return worded(exit_status_.out_of_memory && error.type == error_types::exit_error ? error_types::out_of_memory
                                                                                    : std::string_view(error.type),
                request_id, failure_text(error.type));
}

// --- words and figures -------------------------------------------------------------------------------------------------

std::string Instance::exit_text() const {
  const std::string how = exit_status_.describe();
  std::string text = how.empty() ? "Runtime exited without providing a reason" : "Runtime exited with error: " + how;
  if (exit_status_.out_of_memory)
    text += " (memory limit " + std::to_string(function_.configuration->memory_mb) + " MB, used at most " +
            std::to_string(peak_memory_mb()) + " MB)";
  return text;
}

std::string Instance::failure_text(std::string_view error_type) const {
  if (error_type.starts_with("Extension.")) return extension_failure_;
  if (error_type == error_types::restore_timeout) return "The restore hooks did not end in time";
  return exit_text();
}

/// The log's line on an init phase that failed.
std::string Instance::init_fault(const FunctionError& error) const {
  const std::string what = !error.body.empty()                    ? "The runtime reported that its init phase failed"
                           : error.type == error_types::timed_out ? "The init phase timed out"
                                                                  : failure_text(error.type);
  return "Error: " + what + "\n" + error.type;
}

void Instance::sample_memory() { sampled_peak_kib_ = std::max(sampled_peak_kib_, launched_->peak_memory_kib()); }

/// That is a look at a file, which call after call in a row would cost each a tenth of its time. So it is taken where the
/// runtime says that its own peak has moved, and else where the last one is no longer fresh.
long Instance::peak_of_all_kib() const {
  const long reported = session_.reported_memory_kib();
  const auto now = Deadline::Clock::now();
  const bool fresh = reported > 0 && reported == looked_.reported_kib && now < looked_.stale_at;
  if (!fresh || state_ == InstanceState::stopping) looked_ = {launched_->peak_memory_kib(), reported, now + freshness};
  return looked_.peak_kib;
}

int Instance::peak_memory_mb() const {
  if (launched_->measures_all()) return static_cast<int>((peak_of_all_kib() + 1023) / 1024);
  long kib = own_bootstrap_ ? session_.reported_memory_kib() : 0;
  // Our bootstraps say it with each answer, which spares a look at /proc; one that ends in the middle has not said it.
  if (kib == 0 || state_ == InstanceState::stopping) {
    kib = std::max({kib, sampled_peak_kib_, launched_->peak_memory_kib()});
  }
  return static_cast<int>((kib + 1023) / 1024);
}

}  // namespace kiln
