// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/activator.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "runtime-api/control-server/catalog/function_name.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/control-server/instances/extension_folder.hpp"
#include "runtime-api/control-server/instances/instance_environment.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

Activation failed(PhaseTimes phases, std::string_view type, std::string_view message) {
  Activation activation;
  activation.phases = phases;
  activation.error = FunctionError{std::string(type), platform_error_body(type, message), "application/json", {}};
  return activation;
}

LogSettings log_settings(const LoggingConfiguration& logging) {
  if (logging.format != "JSON") return LogFormat::text;
  return {LogFormat::json, parse_log_level(logging.system_level).value_or(LogLevel::info),
          parse_log_level(logging.application_level).value_or(LogLevel::info)};
}

std::string fault_text(std::string_view what, std::string_view type) {
  return "Error: " + std::string(what) + "\n" + std::string(type);
}

/// Time since `from`, which moves on to now.
Deadline::Clock::duration lap(Deadline::Clock::time_point& from) {
  const auto now = Deadline::Clock::now();
  return now - std::exchange(from, now);
}

}  // namespace

RuntimeFiles installed_runtime(const std::filesystem::path& libexec, const DeployedFunction& function) {
  const std::string_view runtime = canonical_runtime(function.configuration->runtime);
  if (runtime == "provided") return {function.task_root / "bootstrap", {}, function.task_root, false};
  const std::filesystem::path directory = libexec / runtime;
  return {directory / "bootstrap", {}, directory, true};
}

Activator::Activator(EventLoop& loop, const LauncherChoice& launchers, LogStore& logs, Options options)
    : loop_(loop), launchers_(launchers), logs_(logs), options_(std::move(options)) {}

InstanceSpec Activator::prepare(const DeployedFunction& function, const Launcher& launcher,
                                const std::string& instance_id, const std::string& log_stream) const {
  const FunctionConfiguration& configuration = *function.configuration;
  RuntimeFiles runtime = options_.runtime(function);
  InstanceSpec spec;
  spec.instance_id = instance_id;
  spec.function_name = configuration.name;
  spec.runtime = configuration.runtime;
  spec.image = configuration.kiln.image;
  spec.task_root = function.task_root;
  spec.memory_mb = configuration.memory_mb;
  spec.tmp_mb = configuration.ephemeral_storage_mb;
  spec.timeout_s = configuration.timeout_s;
  const auto at_once = static_cast<std::size_t>(std::max(1, configuration.kiln.concurrency));
  if (runtime.own_bootstrap && at_once <= limits::max_inherited_channels) spec.channels = at_once;
  spec.takes_frames = !runtime.own_bootstrap;
  if (runtime.own_bootstrap && may_be_forked(configuration)) spec.zygote = canonical_runtime(configuration.runtime);
  spec.executable = std::move(runtime.executable);
  spec.arguments = std::move(runtime.arguments);
  if (runtime.directory != function.task_root) spec.runtime_root = std::move(runtime.directory);
  spec.layers_root = options_.opt;
  const InstancePaths inside = launcher.paths(spec);
  InstancePlace place;
  place.task_root = inside.task_root;
  place.runtime_dir = inside.runtime_root;
  place.opt = inside.layers_root;
  place.log_stream = log_stream;
  spec.environment = instance_environment(configuration, options_.account, place);
  return spec;
}

void Activator::set_zygote(InstanceSpec& spec, const FunctionConfiguration& configuration, InstanceLog& log) const {
  const std::string& set = configuration.kiln.preimport;
  if (spec.zygote.empty() || set.empty()) return;
  const auto& sets = options_.preimport_sets;
  if (std::find(sets.begin(), sets.end(), set) != sets.end()) {
    spec.zygote = zygote_name(spec.zygote, set);
  } else {
    // Refused as it was deployed, so it is the server that has been started without.
    log.fault({}, "preimport: this server has no set '" + set + "' any more (kiln serve --preimport " + set +
                      "=MODULE,...); the function imports by itself");
  }
}

/// Where it cannot be had, the log says so, once.
void Activator::set_preload(InstanceSpec& spec, const FunctionConfiguration& configuration, const Launcher& launcher,
                            const std::shared_ptr<Preload>& preload, InstanceLog& log) const {
  std::string why = launcher.why_no_preload();
  if (!why.empty()) why = "instances of isolation '" + std::string(launcher.name()) + "' " + why;
  if (why.empty() && spec.zygote.empty()) {
    why = "it has environment variables that are read as a process starts, and so is executed for each instance";
  }
  if (!why.empty()) {
    if (!std::exchange(preload->refusal_told, true)) log.fault({}, "The function is not preloaded: " + why);
    return;
  }
  if (!preload->open_log) {
    preload->open_log = [&logs = logs_, name = configuration.name, settings = log_settings(configuration.logging),
                         version = configuration.version] {
      const auto stream = std::make_shared<InstanceLog>(logs.open(name, settings, version));
      return [stream](std::string_view bytes) { stream->output(bytes); };
    };
  }
  spec.preload = preload;
}

Task<Activation> Activator::activate(DeployedFunction function, Instance::Hooks hooks,
                                     std::optional<Deadline> init_deadline, std::shared_ptr<Preload> preload) {
  PhaseTimes phases;
  auto clock = Deadline::Clock::now();

  const FunctionConfiguration& configuration = *function.configuration;
  // Code packages are unpacked when they are uploaded, so what is left of fetching is to see that they are still there,
  // and still what they were.
  if (::access(function.task_root.c_str(), R_OK | X_OK) != 0) {
    co_return failed(phases, error_types::sandbox_failure,
                     "The code of function " + configuration.name + " is not in the code store any more");
  }
  bool intact = true;
  if (options_.code_is_intact) intact = co_await options_.code_is_intact(configuration.code_sha256_hex);
  if (!intact) {
    const std::string text = corrupt_code_text(configuration.name);
    loop_.report("code store", std::make_exception_ptr(std::runtime_error(text)));
    co_return failed(phases, error_types::code_corrupt, text);
  }
  phases.fetch = lap(clock);

  const std::string instance_id = random_uuid();
  InstanceLog log = logs_.open(configuration.name, log_settings(configuration.logging), configuration.version);
  const InitPhase phase = init_deadline ? InitPhase::invoke : InitPhase::init;
  log.init_start({configuration.runtime,
                  {},
                  configuration.name,
                  configuration.version,
                  instance_id,
                  {phase, starts_from_snapshot(configuration)}});
  const auto chosen = launchers_.choose(configuration.kiln.isolation);
  if (const auto* const error = std::get_if<LaunchError>(&chosen)) {
    log.fault({}, fault_text(error->message, error->type));
    co_return failed(phases, error->type, error->message);
  }
  Launcher& launcher = *std::get<Launcher*>(chosen);
  InstanceSpec spec = prepare(function, launcher, instance_id, log.stream());
  set_zygote(spec, configuration, log);
  if (preload) set_preload(spec, configuration, launcher, preload, log);
  if (::access(spec.executable.c_str(), X_OK) != 0) {
    const std::string text = canonical_runtime(configuration.runtime) != "provided"
                                 ? "This installation has no bootstrap for the runtime " + configuration.runtime
                                 : "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
    log.fault({}, fault_text(text, error_types::invalid_entrypoint));
    co_return failed(phases, error_types::invalid_entrypoint, text);
  }
  InstanceSettings settings{
      options_.account.account_id, true, {random_uuid(), options_.availability_zone_id}, options_.freeze_after};
  spec.environment.push_back(std::string(environment::metadata_token) + "=" + settings.metadata.token);
  FoundExtensions extensions = find_extensions(options_.opt);
  settings.extensions_enabled = extensions.enabled;
  if (extensions.unreadable) {
    const std::string text = "Couldn't read " + (options_.opt / "extensions").string() + ": " +
                             extensions.unreadable.message() +
                             " (it must be readable for the user that instances run as)";
    log.fault({}, fault_text(text, error_types::extension_launch_error));
    co_return failed(phases, error_types::extension_launch_error, text);
  }
  if (extensions.external.size() > limits::max_extensions) {
    const std::string text = "Extension limit (" + std::to_string(limits::max_extensions) +
                             ") exceeded: " + (options_.opt / "extensions").string() + " has " +
                             std::to_string(extensions.external.size());
    log.fault({}, fault_text(text, error_types::extension_launch_error));
    co_return failed(phases, error_types::extension_launch_error, text);
  }
  if (!extensions.external.empty()) spec.extension_environment = extension_environment(spec.environment);
  spec.extensions = std::move(extensions.external);
  phases.prepare = lap(clock);

  const Deadline deadline = init_deadline.value_or(Deadline::after(options_.init_limit));
  spec.init_deadline = deadline;
  LaunchResult launched = co_await launcher.start(std::move(spec));
  if (auto* const error = std::get_if<LaunchError>(&launched)) {
    log.fault({}, fault_text(error->message, error->type));
    co_return failed(phases, error->type, error->message);
  }
  auto& process = std::get<std::unique_ptr<LaunchedInstance>>(launched);
  // The program has run since then, however long this thread took to hear of it.
  phases.launch = process->executed_at() - clock;
  clock = process->executed_at();

  Activation activation;
  activation.instance = std::make_unique<Instance>(loop_, instance_id, std::move(function), std::move(process),
                                                   std::move(log), std::move(settings), std::move(hooks));
  activation.error = co_await activation.instance->init(deadline, phase);
  phases.init = lap(clock);
  activation.phases = phases;
  co_return activation;
}

Task<Activation> Activator::adopt(DeployedFunction function, Instance::Hooks hooks,
                                  std::unique_ptr<LaunchedInstance> runtime) {
  const FunctionConfiguration& configuration = *function.configuration;
  auto clock = runtime->executed_at();
  const std::string instance_id = random_uuid();
  InstanceLog log = logs_.open(configuration.name, log_settings(configuration.logging), configuration.version);
  log.init_start({configuration.runtime,
                  {},
                  configuration.name,
                  configuration.version,
                  instance_id,
                  {InitPhase::init, starts_from_snapshot(configuration)}});
  // What else belongs to an instance is where the runtime is: its platform's affair.
  InstanceSettings settings{
      options_.account.account_id, false, {random_uuid(), options_.availability_zone_id}, options_.freeze_after};
  const Deadline deadline = Deadline::after(options_.init_limit);
  Activation activation;
  activation.instance = std::make_unique<Instance>(loop_, instance_id, std::move(function), std::move(runtime),
                                                   std::move(log), std::move(settings), std::move(hooks));
  activation.error = co_await activation.instance->init(deadline, InitPhase::init);
  activation.phases.init = lap(clock);
  co_return activation;
}

}  // namespace kiln
