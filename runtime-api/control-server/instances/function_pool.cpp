// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/function_pool.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/control-server/instances/function_pool_members.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {

namespace {

std::shared_ptr<Preload> preload_of(const DeployedFunction& function) {
  return function.configuration->kiln.preload ? std::make_shared<Preload>() : nullptr;
}

}  // namespace

FunctionPool::FunctionPool(const Context& context, DeployedFunction function)
    : context_(context),
      function_(std::move(function)),
      preload_(preload_of(function_)),
      metrics_(context.metrics.function(function_.configuration->name)),
      pull_(context.loop),
      ready_(context.loop, [this] { ready_changed(); }),
      retry_timer_(context.loop),
      reclaim_timer_(context.loop),
      grace_timer_(context.loop),
      loops_timer_(context.loop) {
  want_ready();
}

FunctionPool::~FunctionPool() = default;

// --- one invocation ----------------------------------------------------------------------------------------------------

Task<std::variant<InvocationAnswer, Throttled>> FunctionPool::invoke(Invocation& invocation, CallOptions options) {
  const auto alive = shared_from_this();
  InvocationAnswer answer;
  std::optional<Deadline> deadline;
  Member* member = take_idle();
  if (!member) {
    const auto begun = Deadline::Clock::now();
    Acquired acquired = co_await wait_for_instance(invocation.request_id);
    answer.times.queue = Deadline::Clock::now() - begun;
    metrics_->queue_wait.observe(answer.times.queue);
    if (auto* const throttled = std::get_if<Throttled>(&acquired.what)) co_return std::move(*throttled);
    if (auto* const error = std::get_if<FunctionError>(&acquired.what)) {
      answer.result = std::move(*error);
      if (options.log_tail) answer.log_tail = std::move(acquired.log_tail);
      answer.executed_version = configuration().version;
      metrics_->invoked(InvocationOutcome::init_error, answer.times.queue);
      co_return std::move(answer);
    }
    member = std::get<Member*>(acquired.what);
    deadline = acquired.deadline;
  }
  Instance& instance = *member->instance;
  const FunctionConfiguration& used = *instance.function().configuration;
  answer.times.cold = std::exchange(member->cold_start, std::nullopt);
  if (answer.times.cold) answer.times.queue -= std::min(answer.times.queue, answer.times.cold->total());
  answer.executed_version = used.version;
  invocation.deadline = deadline.value_or(Deadline::after(std::chrono::seconds(used.timeout_s)));
  invocation.invocation_id = random_uuid();
  if (options.stream) options.stream->dispatched(answer.executed_version, answer.times);
  metrics_->in_flight.add();
  InvocationReport report = co_await instance.invoke(invocation, options.stream);
  metrics_->in_flight.subtract();
  answer.times.invoke = report.duration;
  const InvocationOutcome outcome = log_end(instance, invocation, report, answer.times);
  if (outcome == InvocationOutcome::crash) metrics_->crashes.add();
  metrics_->invoked(outcome, report.duration);
  if (options.log_tail) answer.log_tail = instance.log().tail(invocation.request_id);
  answer.result = std::move(report.result);
  co_return std::move(answer);
}

/// The END and REPORT lines; returns what the metrics are to count.
InvocationOutcome FunctionPool::log_end(Instance& instance, const Invocation& invocation,
                                        const InvocationReport& report, const InvocationTimes& times) {
  Report line;
  line.request_id = invocation.request_id;
  line.trace_id = invocation.trace_id;
  line.duration = report.duration;
  line.memory_size_mb = instance.function().configuration->memory_mb;
  line.max_memory_used_mb = instance.peak_memory_mb();
  if (times.cold) {
    line.restore_duration = instance.restore_duration();
    line.init_duration = times.cold->init - line.restore_duration.value_or(Deadline::Clock::duration::zero());
  }
  auto outcome = InvocationOutcome::success;
  if (const auto* const error = std::get_if<FunctionError>(&report.result)) {
    outcome = InvocationOutcome::function_error;
    if (error->type == error_types::timed_out) {
      outcome = InvocationOutcome::timeout;
      line.status = "timeout";
      instance.log().fault(invocation.request_id, "Error: Task timed out after " +
                                                      std::to_string(instance.function().configuration->timeout_s) +
                                                      ".00 seconds");
    } else if (error->type == error_types::exit_error || error->type == error_types::out_of_memory ||
               error->type.starts_with("Extension.")) {
      outcome = InvocationOutcome::crash;
      line.status = "error";
      line.error_type = error->type;
      instance.log().fault(invocation.request_id, "Error: " + instance.failure_text(error->type) + "\n" + error->type);
    } else {
      line.status = "error";
      line.error_type = error->type;
      line.reported = true;
    }
  }
  instance.log().end(invocation.request_id);
  instance.log().report(line);
  return outcome;
}

FunctionPool::Member* FunctionPool::take_idle() {
  while (!idle_.empty()) {
    Member* const member = idle_.back();
    const std::size_t free = member->instance->free_slots();
    if (free <= 1) leave_idle(*member);
    if (free >= 1) return member;
  }
  return nullptr;
}

Task<FunctionPool::Acquired> FunctionPool::wait_for_instance(std::string_view request_id) {
  if (retired_) co_return Acquired{Throttled{"FunctionBeingDeleted", 1}};
  if (waiting_.size() >= context_.limits.max_waiting) {
    metrics_->throttles.add();
    co_return Acquired{Throttled{"ConcurrentInvocationLimitExceeded", 1,
                                 std::to_string(waiting_.size()) + " calls of this function wait already."}};
  }
  Waiter waiter(context_.loop, request_id);
  waiting_.push_back(&waiter);
  limit(waiter, Deadline::after(context_.limits.max_wait));
  metrics_->queued.add();
  scale();
  Acquired acquired = co_await waiter.done;
  metrics_->queued.subtract();
  co_return acquired;
}

/// Lets a call that waits in the queue go at `deadline`.
void FunctionPool::limit(Waiter& waiter, Deadline deadline) {
  waiter.limit.arm(deadline, [this, &waiter] {
    std::erase(waiting_, &waiter);
    metrics_->throttles.add();
    waiter.done.set({Throttled{"ReservedFunctionConcurrentInvocationLimitExceeded", 1, why_none_was_free()}});
  });
}

std::string FunctionPool::why_none_was_free() const {
  const auto milliseconds = context_.limits.max_wait.count();
  const bool whole = milliseconds % 1000 == 0;
  const std::string waited =
      " for " + std::to_string(whole ? milliseconds / 1000 : milliseconds) + (whole ? " s" : " ms");
  const std::size_t there = live() - starting_;
  const auto busy = [&](const std::string& noun, const std::string& where) {
    return (there == 1 ? "The one " + noun + where + " was"
                       : "All " + std::to_string(there) + " " + noun + "s" + where + " were") +
           " busy" + waited;
  };
  if (is_pulled()) {
    const std::string address = pull().address;
    if (!pull_.error.empty()) return "Its runtimes cannot connect: " + pull_.error + ".";
    if (there > 0) return busy("runtime", " at " + address) + ".";
    return "No runtime was connected to " + address + waited + "; its containers need that as AWS_LAMBDA_RUNTIME_API.";
  }
  if (there == 0) return "No instance was ready" + waited + ".";
  return busy("instance", "") + " (at most " + std::to_string(configuration().kiln.max_instances) +
         ": --max-instances).";
}

// --- what its instances tell -----------------------------------------------------------------------------------------

void FunctionPool::on_idle(Member& member) {
  Instance& instance = *member.instance;
  if (retired_ || instance.function().configuration != function_.configuration) {
    if (instance.in_flight() == 0) {
      leave_idle(member);
      instance.stop();
    }
    return;
  }
  while (!waiting_.empty() && instance.idle()) {
    Waiter* const waiter = waiting_.front();
    waiting_.pop_front();
    waiter->done.set({&member});
  }
  if (!instance.idle()) return;
  if (!member.listed_idle) {
    member.listed_idle = true;
    idle_.push_back(&member);
  }
  if (!reclaim_timer_.armed()) arm_reclaim();
}

void FunctionPool::leave_idle(Member& member) {
  if (!std::exchange(member.listed_idle, false)) return;
  // The one that leaves is nearly always the one used last.
  const auto at = std::find(idle_.rbegin(), idle_.rend(), &member);
  idle_.erase(std::next(at).base());
}

// --- its own life ------------------------------------------------------------------------------------------------------

void FunctionPool::update(DeployedFunction function) {
  function_ = std::move(function);
  preload_ = preload_of(function_);
  const auto idle = idle_;
  for (Member* const member : idle) {
    leave_idle(*member);
    if (member->instance->in_flight() == 0) member->instance->stop();
  }
  failures_in_a_row_ = 0;
  retry_timer_.cancel();
  want_ready();
  scale();
  if (keeps_ready_) keep_ready();
}

void FunctionPool::retire() {
  retired_ = true;
  ready_.stop();
  stop_listening();
  preload_.reset();
  retry_timer_.cancel();
  reclaim_timer_.cancel();
  grace_timer_.cancel();
  loops_timer_.cancel();
  const auto waiting = std::exchange(waiting_, {});
  for (Waiter* const waiter : waiting) waiter->done.set({Throttled{"FunctionBeingDeleted", 1}});
  const auto idle = idle_;
  for (Member* const member : idle) {
    leave_idle(*member);
    if (member->instance->in_flight() == 0) member->instance->stop();
  }
}

void FunctionPool::kill_all() {
  for (const auto& member : instances_) member->instance->kill();
}

std::vector<FunctionPool::InstanceInfo> FunctionPool::instances() const {
  std::vector<InstanceInfo> all;
  const auto now = Deadline::Clock::now();
  for (const auto& member : instances_) {
    const Instance& instance = *member->instance;
    all.push_back({instance.id(), instance.state(), instance.pid(), instance.invocations(),
                   std::chrono::duration_cast<std::chrono::seconds>(now - instance.started_at())});
  }
  return all;
}

std::optional<std::size_t> FunctionPool::preloaded() const {
  if (!preload_) return std::nullopt;
  return preload_->kept ? preload_->kept->ready() : 0;
}

void FunctionPool::update_gauges() const {
  std::array<std::int64_t, instance_gauges> count{};
  const auto add = [&count](InstanceGauge gauge, std::int64_t n) { count[static_cast<std::size_t>(gauge)] += n; };
  add(InstanceGauge::starting, static_cast<std::int64_t>(starting_));  // these are not among instances_ yet
  for (const auto& member : instances_) {
    switch (member->instance->state()) {
      case InstanceState::starting: add(InstanceGauge::starting, 1); break;
      case InstanceState::idle: add(InstanceGauge::idle, 1); break;
      case InstanceState::busy: add(InstanceGauge::busy, 1); break;
      case InstanceState::stopping:
      case InstanceState::init_failed: add(InstanceGauge::stopping, 1); break;
      case InstanceState::stopped: break;
    }
  }
  for (std::size_t i = 0; i < count.size(); ++i) metrics_->instances[i].set(count[i]);
  metrics_->preloaded.set(static_cast<std::int64_t>(preloaded().value_or(0)));
}

void FunctionPool::collect_code_in_use(std::vector<std::string>& into) const {
  for (const auto& member : instances_) into.push_back(member->instance->function().configuration->code_sha256_hex);
}

}  // namespace kiln
