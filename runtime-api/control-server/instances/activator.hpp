// SPDX-License-Identifier: Apache-2.0
// Cold start: fetch code → prepare environment → launch → init, each phase timed. Data-plane thread only.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/instances/instance.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/telemetry/log_store.hpp"
#include "runtime-api/control-server/telemetry/phases.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// What came of a cold start. Where it failed there may be an instance all the same: it is ending, and its owner keeps it
/// until it says it has stopped.
struct Activation {
  std::unique_ptr<Instance> instance;
  PhaseTimes phases;
  std::optional<FunctionError> error;  ///< to be passed through Instance::worded_for where there is an instance
};

/// The program that an instance runs.
struct RuntimeFiles {
  std::filesystem::path executable;
  std::vector<std::string> arguments;
  std::filesystem::path directory;  ///< LAMBDA_RUNTIME_DIR
  bool own_bootstrap = false;       ///< one of ours, which takes inherited sockets
};

/// As a control server is installed: the bootstrap of the runtime's folder in `libexec`, or the function's own.
RuntimeFiles installed_runtime(const std::filesystem::path& libexec, const DeployedFunction& function);

class Activator {
 public:
  struct Options {
    std::function<RuntimeFiles(const DeployedFunction&)> runtime;
    std::filesystem::path opt = "/opt";  ///< `extensions/` in it holds the external extensions of every instance
    std::chrono::milliseconds init_limit = limits::init_timeout;
    std::string availability_zone_id;  ///< for the metadata endpoint; empty where nobody knows
    AccountSettings account;
    /// Whether the code of that SHA-256 (hex) is what was uploaded; asked before each cold start. Empty: not asked.
    std::function<Task<bool>(std::string_view)> code_is_intact = {};
    std::chrono::milliseconds freeze_after{0};     ///< of instances that idle; zero: never
    std::vector<std::string> preimport_sets = {};  ///< that there are zygotes of
  };
  Activator(EventLoop& loop, const LauncherChoice& launchers, LogStore& logs, Options options);

  /// Makes an instance of `function` and waits until its runtime polls or has failed to; until `init_deadline`, or the
  /// limit of the init phase where there is none.
  /// `preload` is what is kept for this version of the function where it wants to be loaded once; else null.
  Task<Activation> activate(DeployedFunction function, Instance::Hooks hooks, std::optional<Deadline> init_deadline,
                            std::shared_ptr<Preload> preload);

  /// The same of one that somebody else has started.
  Task<Activation> adopt(DeployedFunction function, Instance::Hooks hooks, std::unique_ptr<LaunchedInstance> runtime);

 private:
  void set_preload(InstanceSpec& spec, const FunctionConfiguration& configuration, const Launcher& launcher,
                   const std::shared_ptr<Preload>& preload, InstanceLog& log) const;
  void set_zygote(InstanceSpec& spec, const FunctionConfiguration& configuration, InstanceLog& log) const;
  InstanceSpec prepare(const DeployedFunction& function, const Launcher& launcher, const std::string& instance_id,
                       const std::string& log_stream) const;

  EventLoop& loop_;
  const LauncherChoice& launchers_;
  LogStore& logs_;
  const Options options_;
};

}  // namespace kiln
