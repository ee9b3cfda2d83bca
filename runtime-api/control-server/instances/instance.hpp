// SPDX-License-Identifier: Apache-2.0
// One instance: a process of a function, its Runtime API, its log. `invoke` is the only rendezvous: answer, crash,
// timeout and shutdown all come out of it as its result. Data-plane thread only.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/catalog_change.hpp"
#include "runtime-api/control-server/instances/extension_processes.hpp"
#include "runtime-api/control-server/instances/frame_pipe.hpp"
#include "runtime-api/control-server/instances/instance_telemetry.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/telemetry/instance_log.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/extensions/extension_registry.hpp"
#include "runtime-api/server/http/listener.hpp"
#include "runtime-api/server/runtime_api.hpp"
#include "runtime-api/server/runtime_session.hpp"

namespace kiln {

enum class InstanceState { starting, idle, busy, stopping, stopped, init_failed };
std::string_view to_string(InstanceState state);

/// What an invocation cost, for the answer's head, the REPORT line and the metrics.
struct InvocationReport {
  InvocationResult result;
  Deadline::Clock::duration duration{};
};

/// What an instance knows of the server it is part of.
struct InstanceSettings {
  std::string account_id;
  bool extensions_enabled = true;  ///< the Extensions API is served
  InstanceMetadata metadata;       ///< what the metadata endpoint tells
  /// Frozen once it has been idle so long; zero: never.
  std::chrono::milliseconds freeze_after{0};
};

class Instance {
 public:
  struct Hooks {
    /// The runtime can take a further event.
    std::function<void(Instance&)> on_idle;
    /// The process has ended and everything of the instance is closed; it may be destroyed, though not from within.
    std::function<void(Instance&)> on_stopped;
  };

  /// Takes over a launched process; serves its Runtime API from now on.
  Instance(EventLoop& loop, std::string id, DeployedFunction function, std::unique_ptr<LaunchedInstance> launched,
           InstanceLog log, InstanceSettings settings, Hooks hooks);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Waits for the end of the init phase, at most until `deadline`. Nothing: the runtime has polled. Else why not, to be
  /// passed through `worded_for`; the instance then stops by itself. To be called once.
  Task<std::optional<FunctionError>> init(Deadline deadline, InitPhase phase = InitPhase::init);
  /// The error as the invoker of `request_id` is to see it: failures the platform found name the request.
  FunctionError worded_for(FunctionError error, std::string_view request_id) const;

  /// Whether an event can be handed out at once.
  bool idle() const { return free_slots() > 0; }
  /// How many events could be handed out at once.
  std::size_t free_slots() const { return taking_events() ? session_.free_slots() : 0; }
  /// How many more events it could work on, whether its runtime has asked for them yet or not.
  std::size_t unclaimed_slots() const;
  /// Until when a runtime that takes several events at once, and has not asked for so many yet, is expected to begin further
  /// loops: as long as its init phase took, from the last that has begun. The past where it has begun them all.
  Deadline::Clock::time_point loops_expected_until() const;
  /// Whether an invocation has timed out: it gets no further event, and ends with those it has.
  bool overran() const { return overran_; }
  /// Runs one invocation. Precondition: idle(). A timed-out instance is killed and never idle again. A response that `sink`
  /// (null: nobody) takes in parts has gone through it when this returns. The instance stays alive meanwhile.
  Task<InvocationReport> invoke(const Invocation& invocation, ResponseSink* sink = nullptr);

  /// SIGTERM to the runtime's process group now, SIGKILL after its share of the shutdown limit; extensions are told once it
  /// has ended, and killed at the limit. Invocations under way end with an error.
  void stop(ShutdownReason reason = ShutdownReason::spindown);
  /// SIGKILL to everything at once.
  void kill();

  const std::string& id() const { return id_; }
  InstanceState state() const { return state_; }
  const DeployedFunction& function() const { return function_; }
  InstanceLog& log() { return log_; }
  int pid() const { return launched_->pid(); }
  std::size_t in_flight() const { return session_.in_flight(); }
  std::uint64_t invocations() const { return invocations_; }
  Deadline::Clock::time_point started_at() const { return started_at_; }
  Deadline::Clock::time_point idle_since() const { return idle_since_; }
  /// Why an invocation or the init phase failed with an error of this type, in the platform's words.
  std::string failure_text(std::string_view error_type) const;
  /// Peak memory in MB, rounded up; also of a process that has ended.
  int peak_memory_mb() const;
  /// How long its runtime took from being restored to its first poll; nothing where it asked for no restore.
  std::optional<Deadline::Clock::duration> restore_duration() const { return restore_duration_; }

 private:
  struct Link;  // one connection of the runtime
  class Stay;

  /// Whether nothing but the runtime's own state keeps events back.
  bool taking_events() const { return state_ != InstanceState::stopping && !overran_ && extensions_.settled(); }
  void overrun(const Invocation& invocation);
  Task<void> explain_cut(FunctionError& error);
  void end_exit_watches(bool exited);
  void became_idle();
  void freeze();
  void thaw();
  Task<InitOutcome> init_extensions();
  Task<InitOutcome> restore();
  void extensions_settled();
  void extension_failed(const ExtensionFailure& failure);
  void extension_ended(const std::string& name, const std::string& how);
  void begin_end(ShutdownReason reason);
  Task<void> terminate_after_telemetry();
  void terminate();
  void kill_runtime(ShutdownReason reason);
  void end_extensions();
  void close_api();
  void await_next_events(Deadline deadline);
  void adopt(int fd, bool own_channel);
  Task<void> serve(Link& link);
  Task<void> read_log();
  Task<void> watch_exit();
  void drain_log();
  void log_limits(std::string_view request_id);
  void on_exit();
  void task_over();
  std::string exit_text() const;
  std::string init_fault(const FunctionError& error) const;
  void sample_memory();
  long peak_of_all_kib() const;

  EventLoop& loop_;
  const std::string id_;
  const DeployedFunction function_;
  std::unique_ptr<LaunchedInstance> launched_;
  InstanceLog log_;
  Hooks hooks_;
  const http::ConnectionOptions connection_options_;
  const InstanceSettings settings_;
  RuntimeSession session_;
  ExtensionRegistry extensions_;
  InstanceTelemetry telemetry_{log_, extensions_, *launched_};
  std::unique_ptr<ExtensionProcesses> extension_processes_;  // null where there are none
  Completion<InitOutcome> extensions_ready_;
  bool awaiting_extensions_ = false;  // init() waits for extensions_ready_
  std::string extension_failure_;     // what the failed extension is to be told of by
  std::optional<ShutdownEvent> end_;  // once it has begun
  std::list<Link> links_;
  bool told_of_refused_connections_ = false;
  std::unique_ptr<http::Listener> listener_;
  std::unique_ptr<Stream> output_;
  std::unique_ptr<FramePipe> frames_;  // null for a runtime that writes none
  bool own_bootstrap_ = false;
  InstanceState state_ = InstanceState::starting;
  Timer kill_timer_;
  Timer freeze_timer_;
  bool frozen_ = false;
  Timer settle_timer_;  // from an answer to the next polls
  std::uint64_t invocations_ = 0;
  Deadline::Clock::time_point started_at_;
  Deadline::Clock::time_point idle_since_;
  std::optional<Deadline::Clock::duration> restore_duration_;
  std::size_t most_slots_ = 0;  // that the runtime has had at once so far
  Deadline::Clock::time_point last_loop_begun_;
  Deadline::Clock::duration init_duration_{};
  ExitStatus exit_status_;
  /// The last look at the memory of all its processes.
  struct MemoryLook {
    long peak_kib = 0;
    long reported_kib = 0;  // what the runtime had said of itself by then
    Deadline::Clock::time_point stale_at;
  };
  mutable MemoryLook looked_;
  long sampled_peak_kib_ = 0;                    // the last look at a process that may be gone by now
  std::vector<Completion<bool>*> exit_watches_;  // of broken answers, which the process's end would explain
  bool exited_ = false;
  bool overran_ = false;  // an invocation has timed out: no further event
  int tasks_ = 0;         // coroutines that refer to this instance
};

}  // namespace kiln
