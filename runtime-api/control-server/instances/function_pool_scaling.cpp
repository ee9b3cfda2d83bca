// SPDX-License-Identifier: Apache-2.0
// How many instances a function has: more while calls wait, as many as are to be kept ready, fewer when they idle.
#include <algorithm>
#include <utility>

#include "runtime-api/control-server/instances/connected_runtime.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/control-server/instances/function_pool_members.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {

bool FunctionPool::is_live(const Instance& instance) {
  return instance.state() != InstanceState::stopping && instance.state() != InstanceState::stopped &&
         instance.state() != InstanceState::init_failed && !instance.overran();
}

std::size_t FunctionPool::live() const {
  return starting_ +
         static_cast<std::size_t>(std::count_if(instances_.begin(), instances_.end(),
                                                [](const auto& member) { return is_live(*member->instance); }));
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
  if (is_pulled()) return;
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
  listen_for_runtimes();
  if (is_pulled()) return;
  const auto most = static_cast<std::size_t>(configuration().kiln.max_instances);
  const auto least = std::min(most, ready_.instances());
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

/// Takes the number from the configuration.
void FunctionPool::want_ready() {
  const auto schedule = ReadySchedule::parse(configuration().kiln.ready_schedule);
  const auto* const valid = std::get_if<ReadySchedule>(&schedule);  // it was checked when it was set
  ready_.set(configuration().kiln.min_instances, valid == nullptr ? ReadySchedule() : *valid);
}

/// By the hour: there are too few now, or some that need not be kept any more.
void FunctionPool::ready_changed() {
  if (keeps_ready_) keep_ready();
  arm_reclaim();
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
Task<FunctionPool::Started> FunctionPool::start_member(std::optional<Deadline> init_deadline, Descriptor connection) {
  auto member = std::make_unique<Member>();
  Member* const raw = member.get();
  Instance::Hooks hooks;
  hooks.on_idle = [this, raw](Instance&) {
    if (raw->instance) on_idle(*raw);
  };
  hooks.on_stopped = [this, raw](Instance&) { on_stopped(*raw); };
  Activation activation;
  try {
    if (connection) {
      auto runtime = std::make_unique<ConnectedRuntime>(context_.loop, std::move(connection));
      activation = co_await context_.activator.adopt(function_, std::move(hooks), std::move(runtime));
    } else {
      activation = co_await context_.activator.activate(function_, std::move(hooks), init_deadline, preload_);
    }
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

void FunctionPool::on_stopped(Member& member) {
  const auto alive = shared_from_this();
  leave_idle(member);
  // One that has answered calls has shown that it can be made.
  const bool useless = member.instance && member.instance->invocations() == 0;
  if (!useless) failures_in_a_row_ = 0;
  instances_.remove_if([&](const auto& other) { return other.get() == &member; });
  scale();
  if (!keeps_ready_ || ready_.instances() == 0) return;
  if (useless) retry_later();
  keep_ready();
}

// --- scaling to zero ---------------------------------------------------------------------------------------------------

void FunctionPool::arm_reclaim() {
  if (is_pulled()) return;  // whoever has started them ends them
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
  const auto least = ready_.instances();
  for (Member* const member : listed) {
    if (current() <= least) return;  // the next one that becomes idle looks again
    if (member->instance->in_flight() > 0 || member->instance->idle_since() + keep > now) continue;
    leave_idle(*member);
    member->instance->stop();
  }
  arm_reclaim();
}

}  // namespace kiln
