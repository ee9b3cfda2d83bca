// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox_launcher.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/reached_limits.hpp"
#include "runtime-api/control-server/launchers/running_sandbox.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

// The real service's quotas ("Lambda quotas": file descriptors, processes and threads).
constexpr std::uint32_t processes = limits::instance_processes;
// One file for each 16 KiB: enough for what fits, and an end to what does not.
constexpr std::uint32_t tmp_files_per_mb = 64;
// Behind who is waited for, but not so far that a machine with something to do makes none: then every cold start waits for one.
constexpr int making_niceness = 5;
// More than stand ready as a rule: after these it is not chance any more.
constexpr int most_dead = 20;
// A zygote that could not be had: until the next try.
constexpr std::chrono::seconds after_failure{10};
// A name inside may have 64 bytes; the real service's are addresses.
constexpr std::size_t hostname_length = 13;

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

/// A mount of `folder` that is nowhere yet, to be sent into another namespace.
Descriptor detached_mount(const std::filesystem::path& folder) {
  Descriptor tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree) throw std::system_error(errno, std::generic_category(), "open_tree " + folder.string());
  return tree;
}

/// Waits for one message without occupying a thread.
Task<void> readable(EventLoop& loop, int control) {
  Completion<bool> ready;
  const DescriptorWatch watch(loop, control, [&ready, told = false]() mutable {
    if (!std::exchange(told, true)) ready.set(true);
  });
  co_await ready;
}

/// The number of a process on this host, which has another one in its own namespace; 0 where that cannot be told.
int pid_of(const Descriptor& pidfd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd.get()));
  std::string name;
  for (int value = 0; info >> name;) {
    if (name == "Pid:") return info >> value && value > 0 ? value : 0;
  }
  return 0;
}

std::string host_name(const std::string& instance_id) { return "kiln-" + instance_id.substr(0, hostname_length - 5); }

/// The descriptors of a launch in the order sandbox-init expects, and those of them that are ours to close.
struct LaunchDescriptors {
  std::vector<int> all;
  std::vector<LogPipe> extension_logs;
  std::vector<Descriptor> mounts;
};

sandbox::LaunchPlan make_plan(InstanceSpec& spec, const InstancePaths& inside, const Endpoints& ends) {
  sandbox::LaunchPlan plan;
  add_api_address(spec.extension_environment, ends.address);
  for (const ExtensionSpec& extension : spec.extensions) {
    const std::string path = moved(extension.executable, spec.layers_root, inside.layers_root);
    plan.programs.push_back({path, {path}, spec.extension_environment, "/"});
  }
  sandbox::Program runtime;
  runtime.executable = executable_inside(spec, inside);
  runtime.arguments = std::move(spec.arguments);
  runtime.arguments.insert(runtime.arguments.begin(), runtime.executable);
  runtime.environment = std::move(spec.environment);
  add_api_address(runtime.environment, ends.address);
  add_inherited(runtime.environment, ends);
  runtime.working_directory = inside.task_root;
  plan.programs.push_back(std::move(runtime));
  plan.inherited = static_cast<std::uint32_t>(ends.inherited().size());
  plan.hostname = host_name(spec.instance_id);
  plan.tmp_mb = static_cast<std::uint32_t>(spec.tmp_mb);
  plan.tmp_files = plan.tmp_mb * tmp_files_per_mb;
  plan.open_files = limits::instance_open_files;
  return plan;
}

LaunchDescriptors make_descriptors(const InstanceSpec& spec, const InstancePaths& inside, const Endpoints& ends,
                                   sandbox::LaunchPlan& plan) {
  LaunchDescriptors made;
  for (std::size_t i = 0; i < spec.extensions.size(); ++i) {
    made.extension_logs.push_back(make_log_pipe());
    made.all.push_back(made.extension_logs.back().write_end.get());
  }
  made.all.push_back(ends.log_write.get());
  for (const int descriptor : ends.inherited()) made.all.push_back(descriptor);
  const auto show = [&](const std::filesystem::path& folder, const std::string& place) {
    std::error_code error;
    if (folder.empty() || !std::filesystem::is_directory(folder, error)) return;
    made.mounts.push_back(detached_mount(folder));
    made.all.push_back(made.mounts.back().get());
    plan.mounts.push_back(place);
  };
  show(spec.task_root, inside.task_root);
  show(spec.runtime_root, inside.runtime_root);
  show(spec.layers_root, inside.layers_root);
  return made;
}

/// Why nothing runs; nothing where it does.
std::optional<LaunchError> launch_error(const std::optional<sandbox::Reply>& reply, const sandbox::LaunchPlan& plan) {
  if (reply && reply->kind == sandbox::ReplyKind::executed) return std::nullopt;
  if (!reply || reply->kind != sandbox::ReplyKind::not_executed || reply->program >= plan.programs.size()) {
    return LaunchError{
        std::string(error_types::sandbox_failure),
        std::string("The sandbox could not be completed: ") + (reply ? reply->text : "its first process has ended")};
  }
  const bool by_exec = std::strcmp(reply->text, "execve") == 0;
  const bool runtime = reply->program + 1 == plan.programs.size();
  const std::string_view type = !by_exec  ? error_types::sandbox_failure
                                : runtime ? error_types::invalid_entrypoint
                                          : error_types::extension_launch_error;
  return LaunchError{std::string(type), "Couldn't start " + plan.programs[reply->program].executable + ": " +
                                            (by_exec ? "" : reply->text + std::string(": ")) +
                                            std::generic_category().message(reply->number)};
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
    PreparedSandbox make() {
      if (Clock::now() >= not_before_) {
        try {
          return factory_.make(&zygote_);
        } catch (const std::exception&) {
          loop_.post([&loop = loop_, error = std::current_exception()] { loop.report("zygote", error); });
          not_before_ = Clock::now() + after_failure;
        }
      }
      return factory_.make(nullptr);
    }

   private:
    EventLoop& loop_;
    SandboxFactory& factory_;
    Zygote zygote_;
    Clock::time_point not_before_;
  };

  Forked(EventLoop& loop, WorkerPool& thread, SandboxFactory& factory, std::size_t target, const ZygoteOptions& options,
         const OrphanGuard& guard)
      : source(std::make_shared<Source>(loop, factory, options, guard)),
        ready(loop, thread, [source = source] { return source->make(); }, target) {}

  std::shared_ptr<Source> source;
  ReadyPool<PreparedSandbox> ready;
};

SandboxLauncher::SandboxLauncher(EventLoop& loop, WorkerPool& thread, WorkerPool& watching, SandboxFactory& factory,
                                 std::size_t target, const ZygotePrograms& zygotes, const OrphanGuard& guard)
    : loop_(loop),
      thread_(thread),
      watching_(watching),
      factory_(factory),
      executed_(loop, thread, [&factory] { return factory.make(nullptr); }, target) {
  // What is made ahead of time must not slow down what somebody waits for.
  thread_.submit([] { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), making_niceness); });
  for (const auto& [runtime, options] : zygotes) {
    forked_.emplace(runtime, std::make_unique<Forked>(loop, thread, factory, target, options, guard));
  }
}

SandboxLauncher::~SandboxLauncher() {
  // Zygotes end on the thread that has started them; what it still makes goes first.
  for (auto& [runtime, forked] : forked_) {
    thread_.submit([source = forked->source] {});
  }
}

void SandboxLauncher::stop() {
  executed_.stop();
  for (auto& [runtime, forked] : forked_) forked->ready.stop();
}

bool SandboxLauncher::settled() const {
  return executed_.settled() &&
         std::all_of(forked_.begin(), forked_.end(), [](const auto& one) { return one.second->ready.settled(); });
}

ReadyPool<PreparedSandbox>& SandboxLauncher::pool_for(const InstanceSpec& spec) {
  const auto found = forked_.find(spec.zygote);
  return found != forked_.end() ? found->second->ready : executed_;
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
  PreparedSandbox sandbox = co_await take_living(pool_for(spec));
  const InstancePaths inside = paths(spec);
  Endpoints ends = make_endpoints(spec.channels, spec.takes_frames);
  ends.address = namespace_runtime_api;
  ends.listener = std::move(sandbox.network.listener);
  sandbox.network.name.reset();  // its processes keep it
  sandbox::LaunchPlan plan = make_plan(spec, inside, ends);
  // The control group says in the log that its limit was reached; this one, by user, is the fence behind it.
  plan.processes = factory_.has_cgroups() ? 2 * processes : processes;
  plan.data_mb = factory_.has_cgroups() ? 0 : static_cast<std::uint32_t>(spec.memory_mb);
  LaunchDescriptors descriptors = make_descriptors(spec, inside, ends, plan);
  if (factory_.has_cgroups()) sandbox.cgroup.limit({spec.memory_mb, spec.tmp_mb, static_cast<int>(processes)});
  sandbox::send_message(sandbox.control.get(), encode(plan), descriptors.all);
  ends.close_theirs();

  co_await readable(loop_, sandbox.control.get());
  Descriptor runtime;
  const std::optional<sandbox::Reply> reply = read_reply(sandbox.control.get(), &runtime);
  if (auto error = launch_error(reply, plan)) co_return std::move(*error);
  auto running = std::make_shared<RunningSandbox>(loop_, RunningSandbox::Threads{thread_, watching_},
                                                  std::move(sandbox), plan.programs.size(), spec.memory_mb);
  running->watch();
  Extensions extensions;
  for (std::size_t i = 0; i < spec.extensions.size(); ++i) {
    extensions.push_back(std::make_unique<SandboxExtension>(running, i, spec.extensions[i].name,
                                                            std::move(descriptors.extension_logs[i].read_end)));
  }
  const Deadline::Clock::time_point executed_at{std::chrono::nanoseconds(reply->at_ns)};
  co_return std::make_unique<SandboxInstance>(std::move(running), spec.extensions.size(), pid_of(runtime), executed_at,
                                              std::move(ends), std::move(extensions));
}

}  // namespace kiln
