// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox_launcher.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/reached_limits.hpp"
#include "runtime-api/control-server/launchers/running_sandbox.hpp"
#include "runtime-api/control-server/launchers/sandbox_launch.hpp"

namespace kiln {
namespace {

// Behind who is waited for, but not so far that a machine with something to do makes none: then every cold start waits for one.
constexpr int making_niceness = 5;
// More than stand ready as a rule: after these it is not chance any more.
constexpr int most_dead = 20;
// A zygote that could not be had: until the next try.
constexpr std::chrono::seconds after_failure{10};
// A snapshot's fork, which has the function in it: to answer that it has been launched.
constexpr std::chrono::seconds fork_launch_limit{3};

class SandboxExtension final : public LaunchedExtension {
 public:
  SandboxExtension(std::shared_ptr<RunningSandbox> sandbox, std::size_t place, std::string name, Descriptor log)
      : sandbox_(std::move(sandbox)), place_(place), name_(std::move(name)), log_(std::move(log)) {}

  const std::string& name() const override { return name_; }
  void signal(int signal_number) override { sandbox_->signal(place_, signal_number); }
  Completion<ExitStatus>& exited() override { return sandbox_->exited(place_); }
  int take_log() override { return log_.release(); }

 private:
  const std::shared_ptr<RunningSandbox> sandbox_;
  const std::size_t place_;
  const std::string name_;
  Descriptor log_;
};

using Extensions = std::vector<std::unique_ptr<LaunchedExtension>>;

class SandboxInstance final : public LaunchedInstance {
 public:
  SandboxInstance(std::shared_ptr<RunningSandbox> sandbox, std::size_t place, int pid,
                  Deadline::Clock::time_point executed_at, Endpoints ends, Extensions extensions)
      : sandbox_(std::move(sandbox)),
        place_(place),
        pid_(pid),
        executed_at_(executed_at),
        ends_(std::move(ends)),
        extensions_(std::move(extensions)) {}

  int pid() const override { return pid_; }
  Deadline::Clock::time_point executed_at() const override { return executed_at_; }
  void signal(int signal_number) override { sandbox_->signal(place_, signal_number); }
  bool freeze() override { return sandbox_->freeze(); }
  void thaw() override { sandbox_->thaw(); }
  Completion<ExitStatus>& exited() override { return sandbox_->exited(place_); }
  long peak_memory_kib() const override { return sandbox_->cgroup().peak_memory_kib(); }
  bool measures_all() const override { return sandbox_->cgroup().exists(); }
  std::vector<std::string> limits_reached() override;
  MakeSocket loopback() const override { return sandbox_->loopback(); }
  Extensions take_extensions() override { return std::move(extensions_); }
  int take_log() override { return ends_.log_read.release(); }
  int take_frames() override { return ends_.frames_read.release(); }
  std::vector<Descriptor> take_channels() override { return std::move(ends_.channels_ours); }
  int take_listener() override { return ends_.listener.release(); }

 private:
  const std::shared_ptr<RunningSandbox> sandbox_;
  const std::size_t place_;
  const int pid_;
  const Deadline::Clock::time_point executed_at_;
  Endpoints ends_;
  Extensions extensions_;
  long refused_processes_ = 0;  // known of
};

std::vector<std::string> SandboxInstance::limits_reached() {
  std::vector<std::string> reached;
  const long refused = sandbox_->cgroup().refused_processes();
  if (refused > std::exchange(refused_processes_, refused)) {
    reached.push_back(processes_refused_text());
  }
  if (std::string full = sandbox_->tmp_full(); !full.empty()) reached.push_back(std::move(full));
  return reached;
}

std::unique_ptr<LaunchedInstance> made_of(LaunchedPrograms launched, const std::vector<ExtensionSpec>& specs) {
  Extensions extensions;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    extensions.push_back(
        std::make_unique<SandboxExtension>(launched.sandbox, i, specs[i].name, std::move(launched.extension_logs[i])));
  }
  return std::make_unique<SandboxInstance>(std::move(launched.sandbox), specs.size(), launched.runtime_pid,
                                           launched.executed_at, std::move(launched.ends), std::move(extensions));
}

}  // namespace

/// What comes of one zygote.
struct SandboxLauncher::Forked {
  using Clock = std::chrono::steady_clock;

  /// Used on the thread that makes sandboxes.
  class Source {
   public:
    Source(EventLoop& loop, SandboxFactory& factory, const ZygoteOptions& options, const OrphanGuard& guard)
        : loop_(loop), factory_(factory), zygote_(options, guard) {}

    /// Where no zygote can be had, the sandbox is without a runtime, like any other.
    PreparedSandbox make(Demand demand) {
      if (Clock::now() >= not_before_) {
        try {
          return factory_.make(&zygote_, demand == Demand::now ? SandboxUse::awaited : SandboxUse::instance);
        } catch (const std::exception&) {
          loop_.post([&loop = loop_, error = std::current_exception()] { loop.report("zygote", error); });
          not_before_ = Clock::now() + after_failure;
        }
      }
      return factory_.make(nullptr);
    }

    /// Where none can be had, there is no snapshot.
    PreparedSandbox make_for_snapshot() { return factory_.make(&zygote_, SandboxUse::snapshot); }

   private:
    EventLoop& loop_;
    SandboxFactory& factory_;
    Zygote zygote_;
    Clock::time_point not_before_;
  };

  Forked(EventLoop& loop, WorkerPool& thread, SandboxFactory& factory, std::size_t target, const ZygoteOptions& options,
         const OrphanGuard& guard)
      : source(std::make_shared<Source>(loop, factory, options, guard)),
        ready(loop, thread, [source = source](Demand demand) { return source->make(demand); }, target) {}

  std::shared_ptr<Source> source;
  ReadyPool<PreparedSandbox> ready;
};

SandboxLauncher::SandboxLauncher(EventLoop& loop, const Threads& threads, SandboxFactory& factory, const Stock& stock,
                                 const ZygotePrograms& zygotes, const OrphanGuard& guard)
    : loop_(loop),
      thread_(threads.making),
      watching_(threads.watching),
      factory_(factory),
      executed_(loop, threads.making, [&factory](Demand) { return factory.make(nullptr); }, stock.target) {
  // What is made ahead of time must not slow down what somebody waits for.
  thread_.submit([] { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), making_niceness); });
  for (const auto& [runtime, options] : zygotes) {
    forked_.emplace(runtime, std::make_unique<Forked>(loop, thread_, factory, stock.target, options, guard));
  }
  const auto maker = [this](const std::string& zygote) {
    const auto found = forked_.find(zygote);
    if (found == forked_.end()) throw std::runtime_error("there is no zygote for " + zygote);
    return [source = found->second->source] { return source->make_for_snapshot(); };
  };
  workshop_ = std::make_unique<SnapshotWorkshop>(
      SnapshotWorkshop{loop, {thread_, watching_}, threads.forking, factory, maker, stock.snapshot_idle});
}

SandboxLauncher::~SandboxLauncher() {
  // Zygotes end on the thread that has started them; what it still makes goes first.
  for (auto& [runtime, forked] : forked_) {
    thread_.submit([source = forked->source] {});
  }
}

void SandboxLauncher::stop() {
  executed_.stop();
  workshop_->ended = true;
  for (auto& [runtime, forked] : forked_) forked->ready.stop();
}

bool SandboxLauncher::settled() const {
  return executed_.settled() && workshop_->settled() &&
         std::all_of(forked_.begin(), forked_.end(), [](const auto& one) { return one.second->ready.settled(); });
}

ReadyPool<PreparedSandbox>& SandboxLauncher::pool_for(const InstanceSpec& spec) {
  const auto found = forked_.find(spec.zygote);
  return found != forked_.end() ? found->second->ready : executed_;
}

std::string SandboxLauncher::why_no_preload() const {
  if (forked_.empty()) return "are not forked by this server (--no-zygote), or cannot be: it needs user namespaces";
  if (!factory_.has_cgroups()) return "have no control groups here, and a snapshot and its forks are one user";
  return {};
}

InstancePaths SandboxLauncher::paths(const InstanceSpec& spec) const { return paths_in_own_root(spec); }

/// One may have been killed while it waited. It clears itself away.
Task<PreparedSandbox> SandboxLauncher::take_living(ReadyPool<PreparedSandbox>& pool) {
  for (int i = 0; i < most_dead; ++i) {
    PreparedSandbox sandbox = co_await pool.take();
    if (sandbox.lives()) co_return sandbox;
  }
  throw std::runtime_error(
      "sandboxes end before anything is launched in them; the kernel's log may say what kills them");
}

Task<LaunchResult> SandboxLauncher::start(InstanceSpec spec) {
  LaunchResult forked = co_await start_forked(spec);
  if (const auto* const instance = std::get_if<std::unique_ptr<LaunchedInstance>>(&forked); !instance || *instance) {
    co_return forked;
  }
  for (int dead = 1;; ++dead) {
    PreparedSandbox sandbox = co_await take_living(pool_for(spec));
    const RunningSandbox::Threads threads{thread_, watching_};
    LaunchTerms terms;
    terms.has_cgroups = factory_.has_cgroups();
    InstanceSpec copy = spec;
    auto launched = co_await launch_in(loop_, threads, std::move(sandbox), std::move(copy), std::move(terms));
    auto* const error = std::get_if<LaunchError>(&launched);
    if (error == nullptr) co_return made_of(std::move(std::get<LaunchedPrograms>(launched)), spec.extensions);
    // Killed between the look at it and its launch.
    if (!error->sandbox_ended || dead >= most_dead) co_return std::move(*error);
  }
}

/// From the function's snapshot. A null instance where that cannot be: whatever the reason, it is then made like any other.
Task<LaunchResult> SandboxLauncher::start_forked(const InstanceSpec& spec) {
  std::unique_ptr<LaunchedInstance> none;
  if (!spec.preload) co_return none;
  if (!spec.preload->kept) spec.preload->kept = std::make_shared<FunctionSnapshot>(*workshop_);
  const auto snapshot = std::static_pointer_cast<FunctionSnapshot>(spec.preload->kept);
  std::optional<SnapshotFork> fork = co_await snapshot->take(spec);
  if (!fork) co_return none;
  const RunningSandbox::Threads threads{thread_, watching_};
  LaunchTerms terms;
  terms.has_cgroups = factory_.has_cgroups();
  terms.limit = Deadline::after(fork_launch_limit);
  terms.origin = fork->origin;
  std::string why;
  try {
    InstanceSpec copy = spec;
    auto launched = co_await launch_in(loop_, threads, std::move(fork->sandbox), std::move(copy), std::move(terms));
    if (auto* const programs = std::get_if<LaunchedPrograms>(&launched)) {
      co_return made_of(std::move(*programs), spec.extensions);
    }
    why = std::get<LaunchError>(launched).message;
  } catch (const std::exception& error) {
    why = error.what();
  }
  snapshot->forget(why);
  co_return none;
}

}  // namespace kiln
