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
  Waiter(EventLoop& loop, std::string_view id) : request_id(id), limit(loop) {}
  const std::string_view request_id;
  Timer limit;
  Completion<Acquired> done;
};

FunctionPool::FunctionPool(const Context& context, DeployedFunction function)
    : context_(context),
      function_(std::move(function)),
      metrics_(context.metrics.function(function_.configuration->name)),
      retry_timer_(context.loop),
      reclaim_timer_(context.loop),
      grace_timer_(context.loop),
      loops_timer_(context.loop) {}

FunctionPool::~FunctionPool() = default;

bool FunctionPool::is_live(const Instance& instance) {
  return instance.state() != InstanceState::stopping && instance.state() != InstanceState::stopped &&
         instance.state() != InstanceState::init_failed && !instance.overran();
}

std::size_t FunctionPool::live() const {
  return starting_ +
         static_cast<std::size_t>(std::count_if(instances_.begin(), instances_.end(),
                                                [](const auto& member) { return is_live(*member->instance); }));
}

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
    co_return Acquired{Throttled{"ConcurrentInvocationLimitExceeded", 1}};
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
    waiter.done.set({Throttled{"ReservedFunctionConcurrentInvocationLimitExceeded", 1}});
  });
}

// --- instances come and go ---------------------------------------------------------------------------------------------

/// Calls wait. A runtime that has answered asks for its next event a moment later, and one that runs several at once asks once
/// for each: where they could take the calls that wait, they get that moment.
void FunctionPool::scale() {
  if (waiting_.empty()) return;
  const std::size_t to_come = unclaimed_slots();
  start_instances(to_come);
  if (to_come == 0 || grace_timer_.armed()) return;
  grace_timer_.arm(Deadline::after(context_.limits.poll_grace), [this] { after_grace(); });
}

/// The moment is over. Only a runtime that has yet to begin loops is waited for longer: its processes may still import, one after
/// another, and an instance beside it would have to as well.
void FunctionPool::after_grace() {
  const auto now = Deadline::Clock::now();
  std::size_t to_come = 0;
  auto until = Deadline::Clock::time_point::max();
  for (const auto& member : instances_) {
    const auto expected = member->instance->loops_expected_until();
    if (!is_current(*member) || expected <= now) continue;
    to_come += member->instance->unclaimed_slots();
    until = std::min(until, expected);
  }
  start_instances(to_come);
  if (to_come > 0 && !waiting_.empty()) loops_timer_.arm(Deadline(until), [this] { after_grace(); });
}

bool FunctionPool::is_current(const Member& member) const {
  return member.instance->function().configuration == function_.configuration;
}

/// As many as the calls need that wait and that `slots_to_come` will not take.
void FunctionPool::start_instances(std::size_t slots_to_come) {
  const auto most = static_cast<std::size_t>(configuration().kiln.max_instances);
  const auto at_once = static_cast<std::size_t>(std::max(1, configuration().kiln.concurrency));
  while (!retired_ && slots_to_come + starting_ * at_once < waiting_.size() &&
         starting_ < context_.limits.max_launches && live() < most) {
    ++starting_;
    context_.loop.spawn(start_one(), "cold start");
  }
}

std::size_t FunctionPool::unclaimed_slots() const {
  std::size_t slots = 0;
  for (const auto& member : instances_) {
    if (is_current(*member)) slots += member->instance->unclaimed_slots();
  }
  return slots;
}

/// A cold start for the calls that wait. Where the init phase fails it is run once more, as part of the oldest call and
/// under the function's timeout; what comes of that is what the call comes to. (Developer guide, "Failures during the
/// Init phase": the real service retries the init within the first invocation.)
Task<void> FunctionPool::start_one() {
  const auto alive = shared_from_this();
  Started started = co_await start_member(std::nullopt);
  const bool again = started.error && started.member && !waiting_.empty() && !retired_;
  if (again) {
    Waiter& waiter = *waiting_.front();
    waiting_.pop_front();
    started = co_await start_again(waiter);
  }
  --starting_;
  if (started.error) {
    fail_waiting(started, again);
  } else if (started.member) {
    on_idle(*started.member);
  }
  scale();
}

Task<std::optional<FunctionError>> FunctionPool::prepare() {
  const auto alive = shared_from_this();
  ++starting_;
  Started started = co_await start_member(std::nullopt);
  --starting_;
  if (started.error) {
    fail_waiting(started, false);
  } else {
    on_idle(*started.member);
  }
  scale();
  co_return std::move(started.error);
}

// --- instances that are kept ready -------------------------------------------------------------------------------------

void FunctionPool::keep_ready() {
  keeps_ready_ = true;
  const auto most = static_cast<std::size_t>(configuration().kiln.max_instances);
  const auto least = std::min(most, static_cast<std::size_t>(configuration().kiln.min_instances));
  // An attempt may fail before it is spawned whole, and then there is a pause.
  while (!retired_ && !retry_timer_.armed() && current() + starting_ < least &&
         starting_ < context_.limits.max_launches && live() < most) {
    context_.loop.spawn(start_ready(), "instance to be kept ready");
  }
}

Task<void> FunctionPool::start_ready() {
  const auto alive = shared_from_this();
  const auto failure = co_await prepare();
  if (failure) {
    retry_later();
  } else {
    keep_ready();
  }
}

/// What fails each time is not tried without a pause: 100 ms, doubled up to half a minute.
void FunctionPool::retry_later() {
  constexpr int most_doublings = 8;
  if (retired_ || retry_timer_.armed()) return;
  const auto pause = std::chrono::milliseconds(100) * (1 << std::min(failures_in_a_row_++, most_doublings));
  retry_timer_.arm(Deadline::after(pause), [this] { keep_ready(); });
}

/// Instances of today's configuration that are not ending.
std::size_t FunctionPool::current() const {
  return static_cast<std::size_t>(std::count_if(instances_.begin(), instances_.end(), [this](const auto& member) {
    return is_live(*member->instance) && is_current(*member);
  }));
}

/// Makes one instance. Whatever is thrown on the way is its failure.
Task<FunctionPool::Started> FunctionPool::start_member(std::optional<Deadline> init_deadline) {
  auto member = std::make_unique<Member>();
  Member* const raw = member.get();
  Instance::Hooks hooks;
  hooks.on_idle = [this, raw](Instance&) {
    if (raw->instance) on_idle(*raw);
  };
  hooks.on_stopped = [this, raw](Instance&) { on_stopped(*raw); };
  Activation activation;
  try {
    activation = co_await context_.activator.activate(function_, std::move(hooks), init_deadline);
  } catch (const std::exception& e) {
    context_.loop.report("cold start", std::current_exception());
    activation.error = FunctionError{std::string(error_types::sandbox_failure),
                                     platform_error_body(error_types::sandbox_failure, e.what()),
                                     "application/json",
                                     {}};
  }
  raw->instance = std::move(activation.instance);
  Started started;
  if (raw->instance) {
    started.member = raw;
    instances_.push_back(std::move(member));
  }
  if (activation.error) {
    metrics_->init_failures.add();
    started.error = std::move(activation.error);
  } else {
    raw->cold_start = activation.phases;
    metrics_->cold_start(activation.phases);
  }
  co_return started;
}

/// The second attempt, whose end `waiter` is told of. What is returned concerns the calls that wait besides.
Task<FunctionPool::Started> FunctionPool::start_again(Waiter& waiter) {
  waiter.limit.cancel();  // it is not waiting any more: this is its own time
  const auto begun = Deadline::Clock::now();
  const Deadline deadline(begun + std::chrono::seconds(configuration().timeout_s));
  Started started = co_await start_member(deadline);
  if (started.error) {
    fail_again(waiter, started, begun);
  } else if (started.member->instance->idle()) {
    leave_idle(*started.member);
    waiter.done.set({started.member, deadline});
  } else if (retired_) {
    waiter.done.set({Throttled{"FunctionBeingDeleted", 1}});
  } else {
    waiting_.push_front(&waiter);  // ready, and has not polled yet
    limit(waiter, deadline);
  }
  co_return started;
}

/// The call whose init was run again ends as an invocation does, in the log too.
void FunctionPool::fail_again(Waiter& waiter, const Started& started, Deadline::Clock::time_point begun) {
  Acquired acquired{*started.error};
  if (started.member) {
    Instance& instance = *started.member->instance;
    InvocationReport report;
    report.result = instance.worded_for(*started.error, waiter.request_id);
    report.duration = Deadline::Clock::now() - begun;
    Invocation invocation;
    invocation.request_id = waiter.request_id;
    instance.log().start(waiter.request_id, instance.function().configuration->version);
    log_end(instance, invocation, report, {});
    acquired.log_tail = instance.log().tail(waiter.request_id);
    acquired.what = std::get<FunctionError>(std::move(report.result));
  }
  waiter.done.set(std::move(acquired));
}

/// A cold start has failed. Where nothing else can serve the calls that wait, they all learn why at once; else only the
/// oldest, whose attempt this was, unless it has been told.
void FunctionPool::fail_waiting(const Started& started, bool told) {
  const bool alone = live() == 0;
  std::deque<Waiter*> losers;
  if (alone) {
    losers.swap(waiting_);
  } else if (!told && !waiting_.empty()) {
    losers.push_back(waiting_.front());
    waiting_.pop_front();
  }
  for (Waiter* const waiter : losers) {
    waiter->done.set(
        {started.member ? started.member->instance->worded_for(*started.error, waiter->request_id) : *started.error});
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

void FunctionPool::on_stopped(Member& member) {
  const auto alive = shared_from_this();
  leave_idle(member);
  // One that has answered calls has shown that it can be made.
  const bool useless = member.instance && member.instance->invocations() == 0;
  if (!useless) failures_in_a_row_ = 0;
  instances_.remove_if([&](const auto& other) { return other.get() == &member; });
  scale();
  if (!keeps_ready_ || configuration().kiln.min_instances == 0) return;
  if (useless) retry_later();
  keep_ready();
}

// --- scaling to zero ---------------------------------------------------------------------------------------------------

void FunctionPool::arm_reclaim() {
  // One that works on other events has not idled since it was listed.
  const auto first =
      std::find_if(idle_.begin(), idle_.end(), [](const Member* member) { return member->instance->in_flight() == 0; });
  if (first == idle_.end()) return;
  const auto keep = std::chrono::seconds(configuration().kiln.idle_seconds);
  reclaim_timer_.arm(Deadline((*first)->instance->idle_since() + keep), [this] { reclaim(); });
}

void FunctionPool::reclaim() {
  const auto keep = std::chrono::seconds(configuration().kiln.idle_seconds);
  const auto now = Deadline::Clock::now();
  const auto listed = idle_;
  const auto least = static_cast<std::size_t>(configuration().kiln.min_instances);
  for (Member* const member : listed) {
    if (current() <= least) return;  // the next one that becomes idle looks again
    if (member->instance->in_flight() > 0 || member->instance->idle_since() + keep > now) continue;
    leave_idle(*member);
    member->instance->stop();
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
  failures_in_a_row_ = 0;
  retry_timer_.cancel();
  scale();
  if (keeps_ready_) keep_ready();
}

void FunctionPool::retire() {
  retired_ = true;
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
