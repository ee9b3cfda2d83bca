// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <cstdio>

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

int run_several(Runtime& runtime, const BootstrapEnvironment& environment) {
  const std::string& address = environment.platform.address;
  const int count = environment.max_concurrency;
  if (runtime.concurrency() == Concurrency::threads) {
    return static_cast<int>(ended(runtime, run_threads(runtime, environment.function, address, count)));
  }
  return run_processes(count, [&](InitErrorGate& gate) {
    return ended(runtime, run_alone(runtime, environment.function, RuntimeApiClient::connect(address), false, &gate));
  });
}

}  // namespace

int run_bootstrap(Runtime& runtime) {
  const BootstrapEnvironment environment = take_environment();
  const PlatformAddress& platform = environment.platform;
  if (!platform.inherited_fd && platform.address.empty()) {
    std::fputs(no_platform_message, stderr);
    return static_cast<int>(ExitCode::no_platform);
  }
  // An inherited socket is one connection, and so one invocation at a time.
  if (!platform.inherited_fd && environment.max_concurrency > 1) return run_several(runtime, environment);
  const bool inherited = platform.inherited_fd.has_value();
  RuntimeApiClient client =
      inherited ? RuntimeApiClient::from_fd(*platform.inherited_fd) : RuntimeApiClient::connect(platform.address);
  return static_cast<int>(ended(runtime, run_alone(runtime, environment.function, std::move(client), inherited)));
}

}  // namespace kiln
