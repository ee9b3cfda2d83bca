// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/function_pool.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {

/// An instance with what only its pool knows of it.
struct FunctionPool::Member {
  std::unique_ptr<Instance> instance;
  std::optional<PhaseTimes> cold_start;  // until the first invocation takes it
  bool listed_idle = false;
};

/// A call in front of the pool; lives in its coroutine's frame.
struct FunctionPool::Waiter {
  std::string_view request_id;
  Completion<Acquired> done;
};

FunctionPool::FunctionPool(const Context& context, DeployedFunction function)
    : context_(context),
      function_(std::move(function)),
      metrics_(context.metrics.function(function_.configuration->name)),
      reclaim_timer_(context.loop) {}

FunctionPool::~FunctionPool() = default;

std::size_t FunctionPool::live() const {
  return starting_ +
         static_cast<std::size_t>(std::count_if(instances_.begin(), instances_.end(), [](const auto& member) {
           return member->instance->state() != InstanceState::stopping &&
                  member->instance->state() != InstanceState::stopped &&
                  member->instance->state() != InstanceState::init_failed;
         }));
}

// --- one invocation ----------------------------------------------------------------------------------------------------

Task<std::variant<InvocationAnswer, Throttled>> FunctionPool::invoke(Invocation& invocation, CallOptions options) {
  const auto alive = shared_from_this();
  InvocationAnswer answer;
  Member* member = take_idle();
  if (!member) {
    const auto begun = Deadline::Clock::now();
    Acquired acquired = co_await wait_for_instance(invocation.request_id);
    answer.times.queue = Deadline::Clock::now() - begun;
    metrics_->queue_wait.observe(answer.times.queue);
    if (auto* const throttled = std::get_if<Throttled>(&acquired)) co_return std::move(*throttled);
    if (auto* const error = std::get_if<FunctionError>(&acquired)) {
      answer.result = std::move(*error);
      answer.executed_version = configuration().version;
      metrics_->invoked(InvocationOutcome::init_error, answer.times.queue);
      co_return std::move(answer);
    }
    member = std::get<Member*>(acquired);
  }
  Instance& instance = *member->instance;
  const FunctionConfiguration& used = *instance.function().configuration;
  answer.times.cold = std::exchange(member->cold_start, std::nullopt);
  if (answer.times.cold) answer.times.queue -= std::min(answer.times.queue, answer.times.cold->total());
  answer.executed_version = used.version;
  invocation.deadline = Deadline::after(std::chrono::seconds(used.timeout_s));
  invocation.invocation_id = random_uuid();
  if (options.stream) options.stream->dispatched(answer.executed_version, answer.times);
  metrics_->in_flight.add();
  InvocationReport report = co_await instance.invoke(invocation, options.stream);
  metrics_->in_flight.subtract();
  answer.times.invoke = report.duration;
  record(instance, invocation, report, answer.times);
  if (options.log_tail) answer.log_tail = instance.log().tail(invocation.request_id);
  answer.result = std::move(report.result);
  co_return std::move(answer);
}

/// The END and REPORT lines, and the metrics.
void FunctionPool::record(Instance& instance, const Invocation& invocation, const InvocationReport& report,
                          const InvocationTimes& times) {
  Report line;
  line.request_id = invocation.request_id;
  line.trace_id = invocation.trace_id;
  line.duration = report.duration;
  line.memory_size_mb = instance.function().configuration->memory_mb;
  line.max_memory_used_mb = instance.peak_memory_mb();
  if (times.cold) line.init_duration = times.cold->init;
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
      metrics_->crashes.add();
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
  metrics_->invoked(outcome, report.duration);
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
  if (retired_) co_return Throttled{"FunctionBeingDeleted", 1};
  if (waiting_.size() >= context_.limits.max_waiting) {
    metrics_->throttles.add();
    co_return Throttled{"ConcurrentInvocationLimitExceeded", 1};
  }
  Waiter waiter{request_id, {}};
  waiting_.push_back(&waiter);
  Timer timer(context_.loop);
  timer.arm(Deadline::after(context_.limits.max_wait), [this, &waiter] {
    std::erase(waiting_, &waiter);
    metrics_->throttles.add();
    waiter.done.set(Throttled{"ReservedFunctionConcurrentInvocationLimitExceeded", 1});
  });
  metrics_->queued.add();
  scale();
  Acquired acquired = co_await waiter.done;
  metrics_->queued.subtract();
  co_return acquired;
}

// --- instances come and go ---------------------------------------------------------------------------------------------

void FunctionPool::scale() {
  const auto most = static_cast<std::size_t>(configuration().kiln.max_instances);
  while (!retired_ && starting_ < waiting_.size() && starting_ < context_.limits.max_launches && live() < most) {
    ++starting_;
    context_.loop.spawn(start_one(), "cold start");
  }
}

Task<void> FunctionPool::start_one() {
  const auto alive = shared_from_this();
  auto member = std::make_unique<Member>();
  Member* const raw = member.get();
  Instance::Hooks hooks;
  hooks.on_idle = [this, raw](Instance&) {
    if (raw->instance) on_idle(*raw);
  };
  hooks.on_stopped = [this, raw](Instance&) { on_stopped(*raw); };
  std::exception_ptr failure;
  Activation activation;
  try {
    activation = co_await context_.activator.activate(function_, std::move(hooks), std::nullopt);
  } catch (const std::exception& e) {
    failure = std::current_exception();
    activation.error = FunctionError{std::string(error_types::sandbox_failure),
                                     platform_error_body(error_types::sandbox_failure, e.what()),
                                     "application/json",
                                     {}};
  }
  --starting_;
  raw->instance = std::move(activation.instance);
  const Instance* const instance = raw->instance.get();
  if (instance) instances_.push_back(std::move(member));
  if (activation.error) {
    metrics_->init_failures.add();
    fail_waiting(instance, *activation.error);
  } else {
    raw->cold_start = activation.phases;
    metrics_->cold_start(activation.phases);
    on_idle(*raw);
  }
  scale();
  if (failure) std::rethrow_exception(failure);
}

/// A cold start has failed. Where nothing else can serve the calls that wait, they all learn why at once; else only the
/// oldest, whose attempt this was.
void FunctionPool::fail_waiting(const Instance* instance, const FunctionError& error) {
  const bool alone = live() == 0;
  std::deque<Waiter*> losers;
  if (alone) {
    losers.swap(waiting_);
  } else if (!waiting_.empty()) {
    losers.push_back(waiting_.front());
    waiting_.pop_front();
  }
  for (Waiter* const waiter : losers) {
    waiter->done.set(instance ? instance->worded_for(error, waiter->request_id) : error);
  }
}

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
    waiter->done.set(&member);
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

void FunctionPool::on_stopped(Member& member) {
  const auto alive = shared_from_this();
  leave_idle(member);
  instances_.remove_if([&](const auto& other) { return other.get() == &member; });
  scale();
}

// --- scaling to zero ---------------------------------------------------------------------------------------------------

void FunctionPool::arm_reclaim() {
  if (idle_.empty()) return;
  const auto keep = std::chrono::seconds(configuration().kiln.idle_seconds);
  reclaim_timer_.arm(Deadline(idle_.front()->instance->idle_since() + keep), [this] { reclaim(); });
}

void FunctionPool::reclaim() {
  const auto keep = std::chrono::seconds(configuration().kiln.idle_seconds);
  const auto now = Deadline::Clock::now();
  while (!idle_.empty() && idle_.front()->instance->idle_since() + keep <= now) {
    Member& member = *idle_.front();
    leave_idle(member);
    if (member.instance->in_flight() == 0) member.instance->stop();
  }
  arm_reclaim();
}

void FunctionPool::update(DeployedFunction function) {
  function_ = std::move(function);
  const auto idle = idle_;
  for (Member* const member : idle) {
    leave_idle(*member);
    if (member->instance->in_flight() == 0) member->instance->stop();
  }
  scale();
}

void FunctionPool::retire() {
  retired_ = true;
  reclaim_timer_.cancel();
  const auto waiting = std::exchange(waiting_, {});
  for (Waiter* const waiter : waiting) waiter->done.set(Throttled{"FunctionBeingDeleted", 1});
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
}

void FunctionPool::collect_code_in_use(std::vector<std::string>& into) const {
  for (const auto& member : instances_) into.push_back(member->instance->function().configuration->code_sha256_hex);
}

}  // namespace kiln
