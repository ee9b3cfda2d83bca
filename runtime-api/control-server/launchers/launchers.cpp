// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/launchers.hpp"

#include <unistd.h>

#include <optional>
#include <stdexcept>

#include "runtime-api/control-server/launchers/cgroup.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/oci_launcher.hpp"
#include "runtime-api/control-server/launchers/process_launcher.hpp"
#include "runtime-api/control-server/launchers/sandbox_launcher.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"
#include "runtime-api/control-server/launchers/uid_pool.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

namespace {

std::optional<CommandOptions> ask_command(const LauncherOptions& options) {
  if (options.command.empty()) {
    if (options.isolation != to_string(Isolation::command)) return std::nullopt;
    throw std::runtime_error(
        "isolation 'command' leaves it to an executable of yours to start instances: name it with --launch-command "
        "PATH "
        "(docs/launchers.md)");
  }
  CommandOptions command;
  command.command = std::filesystem::absolute(options.command);
  command.listen = options.command_listen;
  command.records = options.command_records;
  std::string address;
  listen_on_free_port(command.listen, address);  // to see that it can be done
  if (address.starts_with("0.")) {
    throw std::runtime_error("--launch-listen " + command.listen +
                             " is no address at which anybody finds this machine: name one of its own");
  }
  command.description = describe_command(command.command);
  return command;
}

/// Nothing where neither images nor containers were asked for.
std::optional<std::filesystem::path> find_containers(const LauncherOptions& options) {
  const ContainerOptions& containers = options.containers;
  const bool wanted = options.isolation == to_string(Isolation::oci);
  const auto cannot = [&](const std::string& why) -> std::optional<std::filesystem::path> {
    if (wanted || !containers.runtime.empty()) throw std::runtime_error("isolation 'oci' cannot be had here: " + why);
    return std::nullopt;
  };
  if (containers.images == nullptr) {
    return wanted ? cannot(
                        "there are no images; name a folder in the OCI layout with --oci-images DIR "
                        "(docs/launchers.md)")
                  : std::nullopt;
  }
  if (::geteuid() != 0) return cannot("it needs root");
  auto runtime = find_container_runtime(containers.runtime);
  if (!runtime) {
    return cannot(containers.runtime.empty() ? "neither runc nor crun is installed"
                                             : "there is no program " + containers.runtime);
  }
  return runtime;
}

}  // namespace

IsolationDecision decide_isolation(const LauncherOptions& options) {
  IsolationDecision decision;
  decision.asked = options.isolation;
  decision.command = ask_command(options);
  decision.container_runtime = find_containers(options);
  if (options.isolation == to_string(Isolation::process)) return decision;
  for (const Isolation level : {Isolation::command, Isolation::oci}) {
    if (options.isolation != to_string(level)) continue;
    decision.level = level;
    return decision;
  }
  decision.machine = probe_isolation(options.init);
  if (decision.machine.sandbox()) {
    decision.level = Isolation::sandbox;
  } else if (options.isolation != "auto") {
    throw std::runtime_error("isolation '" + options.isolation +
                             "' cannot be had here: " + decision.machine.why_no_sandbox() +
                             " (`kiln doctor` shows all; --isolation process goes without)");
  }
  return decision;
}

std::string IsolationDecision::explanation() const {
  std::string text = "isolation " + std::string(to_string(level)) + " (" +
                     (asked == "auto" ? "the strongest that works here" : "asked for") + ")";
  if (command) {
    const std::string which =
        command->command.string() + (command->description.name.empty() ? "" : " (" + command->description.name + ")");
    text += level == Isolation::command ? ": " + which + " starts instances, and how isolated they are is its affair"
                                        : "; functions may ask for 'command', which is " + which;
    if (!command->listen.starts_with("127.")) {
      text += "; whoever reaches " + command->listen + " may take the events of what it starts";
    }
  }
  if (container_runtime) {
    text += level == Isolation::oci ? ": containers made by " : "; functions may ask for 'oci', containers made by ";
    text += container_runtime->string();
  }
  if (level == Isolation::process) {
    text += ": instances are plain processes of this user, so run only code you trust";
    if (asked == "auto") text += "; no sandbox, because of " + machine.why_no_sandbox();
    return text;
  }
  for (const std::string& weakness : machine.weaknesses()) text += "; " + weakness;
  return text;
}

/// In the order in which they need each other.
struct Launchers::Parts {
  Parts(EventLoop& loop, const OrphanGuard& guard)
      : launching(loop, 1, "kiln-launcher"), process(loop, launching, guard) {}

  WorkerPool launching;
  ProcessLauncher process;
  std::optional<UidPool> users;
  std::optional<CgroupTree> groups;
  std::optional<SandboxFactory> factory;
  std::optional<WorkerPool> making;
  std::optional<WorkerPool> watching;
  std::optional<WorkerPool> forking;
  std::optional<SandboxLauncher> sandbox;
  std::optional<CommandLauncher> command;
  std::optional<WorkerPool> unpacking;
  std::optional<OciLauncher> oci;
};

namespace {

ZygotePrograms find_zygotes(const LauncherOptions& options) {
  ZygotePrograms found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.zygotes, error)) {
    const std::string runtime = entry.path().filename().string();
    const auto add = [&](const std::string& set, const std::vector<std::string>& modules) {
      found[zygote_name(runtime, set)] =
          sandbox_zygote(entry.path(), std::string(inside_runtime) + "/bootstrap", modules, sandbox_inside_uid);
    };
    add({}, options.preimports);
    for (const auto& [set, modules] : options.preimport_sets) add(set, modules);
  }
  return found;
}

}  // namespace

std::vector<std::string> default_preimports() {
  return {"json",         "logging",         "datetime",    "re",        "base64",    "hashlib",
          "uuid",         "random",          "decimal",     "functools", "typing",    "dataclasses",
          "enum",         "collections.abc", "pathlib",     "tempfile",  "traceback", "threading",
          "urllib.parse", "urllib.request",  "http.client", "ssl",       "socket",    "subprocess"};
}

Launchers::Launchers(EventLoop& loop, const OrphanGuard& guard, const LauncherOptions& options,
                     const IsolationDecision& decision)
    : decision_(decision), images_(options.containers.images), parts_(std::make_unique<Parts>(loop, guard)) {
  Parts& parts = *parts_;
  if (decision.command) parts.command.emplace(loop, parts.launching, guard, *decision.command);
  parts.users.emplace(UidPool::first_of_this_process(), UidPool::block);
  if (decision.container_runtime) {
    const ContainerOptions& containers = options.containers;
    parts.unpacking.emplace(loop, 1, "kiln-images");
    parts.oci.emplace(loop, parts.launching, *parts.unpacking, *containers.images, *parts.users,
                      OciOptions{*decision.container_runtime, containers.monitor, containers.folder});
  }
  if (decision.level != Isolation::sandbox) return;
  const IsolationReport& machine = decision.machine;
  if (machine.works(isolation_features::cgroups)) {
    parts.groups.emplace(CgroupTree::find(), options.freezes);
    if (options.freezes) guard.thaw_below(parts.groups->where().freezer);
  }
  SandboxOptions sandbox;
  sandbox.init = options.init;
  sandbox.user_namespace = machine.works(isolation_features::user_namespace);
  sandbox.cgroup_namespace = machine.works(isolation_features::cgroup_namespace);
  sandbox.landlock = machine.works(isolation_features::landlock);
  parts.factory.emplace(sandbox, *parts.users, parts.groups ? &*parts.groups : nullptr, guard);
  parts.making.emplace(loop, 1, "kiln-sandboxes");
  // What is done there is to wait, for the kernel: several at once wait no longer than one.
  parts.watching.emplace(loop, 4, "kiln-memory");
  // What is done there waits for functions' code, which must keep nobody else waiting.
  parts.forking.emplace(loop, 2, "kiln-snapshots");
  // Where instances' users have different names inside, their files in /etc differ, and one root cannot be all theirs.
  const ZygotePrograms zygotes = sandbox.user_namespace ? find_zygotes(options) : ZygotePrograms();
  parts.sandbox.emplace(loop, SandboxLauncher::Threads{*parts.making, *parts.watching, *parts.forking}, *parts.factory,
                        SandboxLauncher::Stock{options.ready_sandboxes, options.snapshot_idle}, zygotes, guard);
}

Launchers::~Launchers() = default;

void Launchers::stop() {
  if (parts_->sandbox) parts_->sandbox->stop();
  if (parts_->command) parts_->command->stop();
  if (images_ != nullptr) images_->stop();
}

bool Launchers::settled() const {
  return (!parts_->sandbox || parts_->sandbox->settled()) && (!parts_->command || parts_->command->settled()) &&
         (!parts_->oci || parts_->oci->settled());
}

std::chrono::milliseconds Launchers::end_limit() const {
  return parts_->command ? parts_->command->end_limit() : std::chrono::milliseconds(0);
}

/// Why a function cannot have it, to follow "this server"; empty where it can.
std::string Launchers::why_not(Isolation level) const {
  if (level == decision_.level) return {};
  if (decision_.asked != "auto") return "was started with --isolation " + decision_.asked;
  if (level == Isolation::sandbox) return "cannot have it: " + decision_.machine.why_no_sandbox();
  if (level == Isolation::command && !parts_->command) return "has no --launch-command";
  if (level == Isolation::oci && !parts_->oci)
    return "has no container images, or nothing that makes containers of them";
  return {};
}

std::variant<Launcher*, LaunchError> Launchers::choose(const std::string& isolation) const {
  const Isolation level = isolation_from(isolation).value_or(decision_.level);
  if (const std::string why = why_not(level); !why.empty()) {
    return LaunchError{std::string(error_types::sandbox_failure),
                       "The function asks for isolation '" + isolation + "', and this server " + why};
  }
  switch (level) {
    case Isolation::process: return &parts_->process;
    case Isolation::sandbox: return &*parts_->sandbox;
    case Isolation::oci: return &*parts_->oci;
    case Isolation::command: return &*parts_->command;
  }
  return &parts_->process;
}

}  // namespace kiln
