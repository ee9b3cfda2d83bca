// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/launchers.hpp"

#include <optional>
#include <stdexcept>

#include "runtime-api/control-server/launchers/cgroup.hpp"
#include "runtime-api/control-server/launchers/process_launcher.hpp"
#include "runtime-api/control-server/launchers/sandbox_launcher.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"
#include "runtime-api/control-server/launchers/uid_pool.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

IsolationDecision decide_isolation(const LauncherOptions& options) {
  IsolationDecision decision;
  decision.asked = options.isolation;
  if (options.isolation == to_string(Isolation::process)) return decision;
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
  std::optional<SandboxLauncher> sandbox;
};

namespace {

ZygotePrograms find_zygotes(const LauncherOptions& options) {
  ZygotePrograms found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.zygotes, error)) {
    found[entry.path().filename().string()] = {entry.path(), std::string(inside_runtime) + "/bootstrap",
                                               options.preimports, sandbox_inside_uid};
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
    : decision_(decision), parts_(std::make_unique<Parts>(loop, guard)) {
  if (decision.level != Isolation::sandbox) return;
  Parts& parts = *parts_;
  const IsolationReport& machine = decision.machine;
  parts.users.emplace(UidPool::first_of_this_process(), UidPool::block);
  if (machine.works(isolation_features::cgroups)) {
    CgroupTree::Where where = CgroupTree::find();
    if (!options.freezes) where.freezer.clear();  // one tree less to join
    parts.groups.emplace(std::move(where));
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
  // Where instances' users have different names inside, their files in /etc differ, and one root cannot be all theirs.
  const ZygotePrograms zygotes = sandbox.user_namespace ? find_zygotes(options) : ZygotePrograms();
  parts.sandbox.emplace(loop, *parts.making, *parts.watching, *parts.factory, options.ready_sandboxes, zygotes, guard);
}

Launchers::~Launchers() = default;

void Launchers::stop() {
  if (parts_->sandbox) parts_->sandbox->stop();
}

bool Launchers::settled() const { return !parts_->sandbox || parts_->sandbox->settled(); }

std::variant<Launcher*, LaunchError> Launchers::choose(const std::string& isolation) const {
  const std::optional<Isolation> wanted = isolation_from(isolation);
  const Isolation level = wanted.value_or(decision_.level);
  const bool weaker = level < decision_.level && decision_.asked != "auto";
  const bool stronger = level > decision_.level;
  if (weaker || stronger) {
    std::string message = "The function asks for isolation '" + isolation + "', and this server ";
    message += decision_.asked == "auto" ? "cannot have it: " + decision_.machine.why_no_sandbox()
                                         : "was started with --isolation " + decision_.asked;
    return LaunchError{std::string(error_types::sandbox_failure), message};
  }
  if (level == Isolation::process) return &parts_->process;
  return &*parts_->sandbox;
}

}  // namespace kiln
