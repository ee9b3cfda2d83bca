// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox_launch.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/network_namespace.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/async/completion.hpp"

namespace kiln {

// The real service's quotas ("Lambda quotas": file descriptors, processes and threads).
const std::uint32_t sandbox_processes = limits::instance_processes;

namespace {

constexpr std::uint32_t most_family_processes = 1U << 20;
// A name inside may have 64 bytes; the real service's are addresses.
constexpr std::size_t hostname_length = 13;

/// A mount of `folder` that is nowhere yet, to be sent into another namespace.
Descriptor detached_mount(const std::filesystem::path& folder) {
  Descriptor tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree) throw std::system_error(errno, std::generic_category(), "open_tree " + folder.string());
  return tree;
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

/// Of a snapshot and its forks, which are one user: as many as may be, for each has its control group.
std::uint32_t family_processes() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_max > most_family_processes) return most_family_processes;
  return static_cast<std::uint32_t>(limit.rlim_max);
}

sandbox::LaunchPlan make_plan(InstanceSpec& spec, const InstancePaths& inside, const Endpoints& ends,
                              const LaunchTerms& terms) {
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
  // The control group says in the log that its limit was reached; this one, by user, is the fence behind it.
  plan.processes = terms.has_cgroups ? 2 * sandbox_processes : sandbox_processes;
  plan.data_mb = terms.has_cgroups ? 0 : static_cast<std::uint32_t>(spec.memory_mb);
  if (terms.snapshot || terms.origin) plan.processes = family_processes();
  plan.snapshot = static_cast<bool>(terms.snapshot);
  return plan;
}

LaunchDescriptors make_descriptors(const InstanceSpec& spec, const InstancePaths& inside, const Endpoints& ends,
                                   const LaunchTerms& terms, sandbox::LaunchPlan& plan) {
  LaunchDescriptors made;
  for (std::size_t i = 0; i < spec.extensions.size(); ++i) {
    made.extension_logs.push_back(make_log_pipe());
    made.all.push_back(made.extension_logs.back().write_end.get());
  }
  made.all.push_back(ends.log_write.get());
  for (const int descriptor : ends.inherited()) made.all.push_back(descriptor);
  if (terms.origin) return made;
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
    // EPIPE: between its first process's look at the others and its message to them.
    const bool ended =
        !reply || (reply->kind == sandbox::ReplyKind::failed && (reply->number == ECHILD || reply->number == EPIPE));
    return LaunchError{
        std::string(error_types::sandbox_failure),
        std::string("The sandbox could not be completed: ") + (reply ? reply->text : "its first process has ended"),
        ended};
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

Task<bool> readable(EventLoop& loop, int descriptor, Deadline limit) {
  Completion<bool> ready;
  Timer timer(loop);
  timer.arm(limit, [&ready] { ready.set(false); });
  const DescriptorWatch watch(loop, descriptor, [&ready, told = false]() mutable {
    if (!std::exchange(told, true)) ready.set(true);
  });
  const bool there = co_await ready;
  co_return there;
}

Task<std::variant<LaunchedPrograms, LaunchError>> launch_in(EventLoop& loop, RunningSandbox::Threads threads,
                                                            PreparedSandbox sandbox, InstanceSpec spec,
                                                            LaunchTerms terms) {
  const InstancePaths inside = paths_in_own_root(spec);
  Endpoints ends = make_endpoints(spec.channels, spec.takes_frames);
  ends.address = namespace_runtime_api;
  ends.listener = std::move(sandbox.network.listener);
  sandbox.network.name.reset();  // its processes keep it
  sandbox::LaunchPlan plan = make_plan(spec, inside, ends, terms);
  // The others keep numbers free that its forks need.
  if (terms.snapshot) ends.channels_theirs.front() = std::move(terms.snapshot);
  LaunchDescriptors descriptors = make_descriptors(spec, inside, ends, terms, plan);
  if (terms.has_cgroups) sandbox.cgroup.limit({spec.memory_mb, spec.tmp_mb, static_cast<int>(sandbox_processes)});
  try {
    sandbox::send_message(sandbox.control.get(), encode(plan), descriptors.all);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset) throw;
    co_return LaunchError{std::string(error_types::sandbox_failure), "The sandbox has ended before its launch", true};
  }
  ends.close_theirs();

  const bool answered = co_await readable(loop, sandbox.control.get(), terms.limit);
  if (!answered) {
    co_return LaunchError{std::string(error_types::sandbox_failure), "The sandbox does not answer its launch"};
  }
  Descriptor runtime;
  const std::optional<sandbox::Reply> reply = read_reply(sandbox.control.get(), &runtime);
  if (auto error = launch_error(reply, plan)) co_return std::move(*error);
  LaunchedPrograms launched;
  launched.sandbox = std::make_shared<RunningSandbox>(loop, threads, std::move(sandbox), plan.programs.size(),
                                                      spec.memory_mb, std::move(terms.origin));
  launched.sandbox->watch();
  launched.runtime_pid = pid_of(runtime);
  launched.executed_at = Deadline::Clock::time_point(std::chrono::nanoseconds(reply->at_ns));
  launched.ends = std::move(ends);
  for (LogPipe& log : descriptors.extension_logs) launched.extension_logs.push_back(std::move(log.read_end));
  co_return launched;
}

}  // namespace kiln
