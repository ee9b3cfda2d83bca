// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/process_zygote.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln {
namespace {

constexpr std::chrono::seconds between_tries{60};

/// Variables of one instance only; the zygote's own, which its forks show in /proc/PID/environ, have all the others: what Python
/// or the C library reads as a process starts is as if the instance had been executed.
bool is_of_one_instance(std::string_view entry) {
  namespace env = environment;
  constexpr std::array<std::string_view, 6> names = {env::runtime_api,    env::runtime_api_fd,   env::metadata_api,
                                                     env::metadata_token, env::telemetry_log_fd, env::log_stream};
  return std::find(names.begin(), names.end(), entry.substr(0, entry.find('='))) != names.end();
}

ZygoteOptions options_for(const SpawnRequest& request, const std::vector<std::string>& modules) {
  ZygoteOptions options;
  options.program = request;
  std::erase_if(options.program.environment, is_of_one_instance);
  options.program.output = STDERR_FILENO;
  options.plan = [modules] { return encode(sandbox::ZygotePlan{{}, modules}); };
  return options;
}

}  // namespace

SpawnResult ProcessZygote::spawn(const SpawnRequest& request) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_try_) return spawn_process(request);
  try {
    return fork(request);
  } catch (const std::exception& error) {
    next_try_ = now + between_tries;
    report_(std::string("instances cannot be forked, and are executed instead: ") + error.what());
    return spawn_process(request);
  }
}

SpawnResult ProcessZygote::fork(const SpawnRequest& request) {
  if (!zygote_) zygote_.emplace(options_for(request, modules_), guard_);
  sandbox::LaunchPlan plan;
  plan.programs.push_back({request.executable, request.arguments, request.environment, request.working_directory});
  plan.inherited = static_cast<std::uint32_t>(request.inherited.size());
  std::vector<int> descriptors = {request.output};
  descriptors.insert(descriptors.end(), request.inherited.begin(), request.inherited.end());
  SpawnResult result;
  const auto asked_at = std::chrono::steady_clock::now();
  result.pid = zygote_->fork(encode(plan), descriptors).pid;
  // It does so itself as well: whichever comes first, a signal to its group reaches it.
  ::setpgid(result.pid, result.pid);
  result.executed_at = asked_at;
  return result;
}

}  // namespace kiln
