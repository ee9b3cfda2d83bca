// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include "bootstrap/environment.hpp"
#include "bootstrap/exit_codes.hpp"
#include "bootstrap/init.hpp"
#include "bootstrap/loop.hpp"
#include "bootstrap/processes.hpp"
#include "bootstrap/runtime.hpp"
#include "bootstrap/stop_signal.hpp"
#include "bootstrap/threads.hpp"
#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {
namespace {

constexpr const char* no_platform_message =
    "kiln bootstrap: nobody to ask for events: neither AWS_LAMBDA_RUNTIME_API (host:port of a Runtime API) nor "
    "KILN_RUNTIME_API_FD (an inherited socket) is set.\n"
    "This program is started by a platform. Deploy the function with `kiln deploy` and call it with `kiln invoke`, or "
    "set AWS_LAMBDA_RUNTIME_API to a running Runtime API.\n";

/// One loop in this process, on its main thread.
ExitCode run_alone(Runtime& runtime, const FunctionEnvironment& function, RuntimeApiClient client, bool inherited,
                   InitErrorGate* gate = nullptr) {
  if (const auto failed = initialise(client, runtime, function, inherited, gate)) return *failed;
  // Only now: while the function loads, SIGTERM has its default effect, since nothing could be drained.
  const StopSignal stop({{&client, ::pthread_self()}}, gate == nullptr ? SecondStop::ends : SecondStop::nothing);
  return run_loop(client, runtime, {.inherited = inherited});
}

ExitCode ended(Runtime& runtime, ExitCode code) {
  runtime.shutdown();
  return code;
}

RuntimeApiClient client_of(const PlatformAddress& platform, std::size_t index) {
  if (platform.inherited_fds.empty()) return RuntimeApiClient::connect(platform.address);
  return RuntimeApiClient::from_fd(platform.inherited_fds[index]);
}

int run_several(Runtime& runtime, const BootstrapEnvironment& environment, std::size_t count) {
  const PlatformAddress& platform = environment.platform;
  const bool inherited = !platform.inherited_fds.empty();
  if (runtime.concurrency() == Concurrency::threads) {
    std::vector<RuntimeApiClient> clients;
    clients.reserve(count);
    for (std::size_t i = 0; i < count; ++i) clients.push_back(client_of(platform, i));
    return static_cast<int>(ended(runtime, run_threads(runtime, environment.function, std::move(clients), inherited)));
  }
  return run_processes(runtime, count, platform.inherited_fds, [&](InitErrorGate& gate, std::size_t index) {
    return ended(runtime, run_alone(runtime, environment.function, client_of(platform, index), inherited, &gate));
  });
}

}  // namespace

int run_bootstrap(Runtime& runtime) {
  const BootstrapEnvironment environment = take_environment();
  const PlatformAddress& platform = environment.platform;
  const bool inherited = !platform.inherited_fds.empty();
  if (!inherited && platform.address.empty()) {
    std::fputs(no_platform_message, stderr);
    return static_cast<int>(ExitCode::no_platform);
  }
  // An inherited socket is one connection, and so one invocation at a time.
  const auto at_once =
      inherited ? platform.inherited_fds.size() : static_cast<std::size_t>(environment.max_concurrency);
  if (at_once > 1) return run_several(runtime, environment, at_once);
  return static_cast<int>(ended(runtime, run_alone(runtime, environment.function, client_of(platform, 0), inherited)));
}

}  // namespace kiln
