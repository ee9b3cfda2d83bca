// SPDX-License-Identifier: Apache-2.0
// The instances of one function: hands out the most recently used idle one, makes more while calls wait, reclaims those
// that stay idle. Data-plane thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "runtime-api/control-server/instances/activator.hpp"
#include "runtime-api/control-server/instances/instance.hpp"
#include "runtime-api/control-server/instances/ready_target.hpp"
#include "runtime-api/control-server/telemetry/metrics.hpp"
#include "runtime-api/server/http/listener.hpp"

namespace kiln {

struct PoolLimits {
  std::size_t max_waiting = 1'000;             ///< calls that may wait for an instance of one function
  std::chrono::milliseconds max_wait{20'000};  ///< and for how long
  std::size_t max_launches = 4;                ///< cold starts of one function under way at once
  /// How long a call waits for a runtime that has answered and not asked again, before it is worth a cold start.
  std::chrono::milliseconds poll_grace{20};
};

/// What an invocation came to, with all its invoker is told.
struct InvocationAnswer {
  InvocationResult result;
  std::string executed_version;
  InvocationTimes times;
  std::string log_tail;  ///< where asked for
};

/// There was no instance in time, or too many calls wait already.
struct Throttled {
  std::string reason;
  int retry_after_s = 1;
  std::string cause = {};  ///< a sentence for whoever operates the function, or empty
};

/// An invoker that can take a response in parts, and its head before the invocation is over.
class StreamingInvoker : public ResponseSink {
 public:
  /// The invocation has an instance: what the answer's head may say of it.
  virtual void dispatched(const std::string& executed_version, const InvocationTimes& times) = 0;
};

class FunctionPool : public std::enable_shared_from_this<FunctionPool> {
 public:
  struct Context {
    EventLoop& loop;
    Activator& activator;
    Metrics& metrics;
    PoolLimits limits;
  };

  FunctionPool(const Context& context, DeployedFunction function);
  ~FunctionPool();
  FunctionPool(const FunctionPool&) = delete;
  FunctionPool& operator=(const FunctionPool&) = delete;

  struct CallOptions {
    bool log_tail = false;
    StreamingInvoker* stream = nullptr;  ///< must outlive the call
  };
  /// Runs one invocation; sets its deadline when it reaches an instance. The pool stays alive meanwhile.
  Task<std::variant<InvocationAnswer, Throttled>> invoke(Invocation& invocation, CallOptions options);

  /// Makes one instance ahead of any call. Returns why there is none.
  Task<std::optional<FunctionError>> prepare();
  /// Makes the instances that its configuration wants kept ready, and from then on replaces those that end.
  void keep_ready();

  const FunctionConfiguration& configuration() const { return *function_.configuration; }
  /// From now on new instances are of `function`; those of the old one end as soon as they are idle.
  void update(DeployedFunction function);
  /// The function is gone or the server ends: waiting calls are refused, idle instances stopped, busy ones when idle.
  void retire();
  /// Kills what is left.
  void kill_all();
  /// Whether an instance is there that is not ending.
  bool has_instance() const { return live() > starting_; }
  /// Whether nothing is left of it: no instance, no call.
  bool empty() const { return instances_.empty() && waiting_.empty() && starting_ == 0 && pull_.joining.empty(); }

  struct InstanceInfo {
    std::string id;
    InstanceState state;
    int pid;
    std::uint64_t invocations;
    std::chrono::seconds age;
  };
  std::vector<InstanceInfo> instances() const;
  /// Where its runtimes connect that somebody else starts, and why they cannot; both empty where it has its own.
  struct PullView {
    std::string address, error;
  };
  PullView pull() const;
  /// How many forks of its snapshot stand ready; nothing where it is not to be preloaded.
  std::optional<std::size_t> preloaded() const;
  /// Sets the gauges of its instances to what is the case now.
  void update_gauges() const;
  /// SHA-256 (hex) of the code that instances still run.
  void collect_code_in_use(std::vector<std::string>& into) const;

 private:
  struct Member;
  struct Waiter;
  /// What became of a call's wait.
  struct Acquired {
    std::variant<Member*, FunctionError, Throttled> what;
    /// Where its own time has begun already: its instance's init was run again as part of it.
    std::optional<Deadline> deadline = {};
    std::string log_tail = {};  ///< of one that has failed so
  };
  /// A cold start that is over. Neither: the member is at work.
  struct Started {
    Member* member = nullptr;  ///< null where no process was started, or none is left
    std::optional<FunctionError> error;
  };

  Member* take_idle();
  Task<Acquired> wait_for_instance(std::string_view request_id);
  static InvocationOutcome log_end(Instance& instance, const Invocation& invocation, const InvocationReport& report,
                                   const InvocationTimes& times);
  void on_idle(Member& member);
  void on_stopped(Member& member);
  void scale();
  void start_instances(std::size_t slots_to_come);
  void after_grace();
  bool is_current(const Member& member) const;
  std::size_t unclaimed_slots() const;
  Task<void> start_one();
  Task<Started> start_member(std::optional<Deadline> init_deadline, Descriptor connection = {});
  Task<Started> start_again(Waiter& waiter);
  void limit(Waiter& waiter, Deadline deadline);
  std::string why_none_was_free() const;
  void fail_again(Waiter& waiter, const Started& started, Deadline::Clock::time_point begun);
  void fail_waiting(const Started& started, bool told);
  Task<void> start_ready();
  std::size_t current() const;
  bool is_pulled() const { return !configuration().kiln.pull.empty(); }
  void listen_for_runtimes();
  void stop_listening();
  Task<void> adopt(Descriptor connection);
  void want_ready();
  void ready_changed();
  void retry_later();
  void reclaim();
  void arm_reclaim();
  void leave_idle(Member& member);
  static bool is_live(const Instance& instance);
  std::size_t live() const;

  const Context context_;
  DeployedFunction function_;
  std::shared_ptr<Preload> preload_;  // of that version; null where it wants none
  const std::shared_ptr<FunctionMetrics> metrics_;
  std::list<std::unique_ptr<Member>> instances_;
  std::vector<Member*> idle_;  // least recently used first
  std::deque<Waiter*> waiting_;
  std::size_t starting_ = 0;
  bool retired_ = false;
  bool keeps_ready_ = false;
  int failures_in_a_row_ = 0;  // of instances made to be kept ready
  struct Pull {
    explicit Pull(EventLoop& loop) : retry(loop) {}
    std::unique_ptr<http::Listener> listener;
    std::string wanted, error;
    std::set<int> joining;  ///< connections that have asked for no event yet
    Timer retry;
  };
  Pull pull_;
  ReadyTarget ready_;
  Timer retry_timer_;
  Timer reclaim_timer_;
  Timer grace_timer_;
  Timer loops_timer_;  // behind it: for runtimes that have yet to begin loops
};

}  // namespace kiln
