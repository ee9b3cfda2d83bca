// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "bootstrap/environment.hpp"
#include "bootstrap/exit_codes.hpp"
#include "bootstrap/loop.hpp"
#include "bootstrap/runtime.hpp"
#include "bootstrap/stop_signal.hpp"
#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {
namespace {

constexpr const char* no_platform_message =
    "kiln bootstrap: nobody to ask for events: neither AWS_LAMBDA_RUNTIME_API (host:port of a Runtime API) nor "
    "KILN_RUNTIME_API_FD (an inherited socket) is set.\n"
    "This program is started by a platform. Deploy the function with `kiln deploy` and call it with `kiln invoke`, or "
    "set AWS_LAMBDA_RUNTIME_API to a running Runtime API.\n";

RuntimeApiClient connect_to(const PlatformAddress& platform) {
  if (platform.inherited_fd) return RuntimeApiClient::from_fd(*platform.inherited_fd);
  return RuntimeApiClient::connect(platform.address);
}

ExitCode fail_init(RuntimeApiClient& client, const FunctionError& error) {
  if (const auto refused = client.fail_init(error)) {
    std::fprintf(stderr, "kiln bootstrap: the init error could not be reported: the Runtime API %s\n",
                 refused->describe().c_str());
  }
  return ExitCode::init_failed;
}

ExitCode run(Runtime& runtime) {
  const BootstrapEnvironment environment = take_environment();
  const bool inherited = environment.platform.inherited_fd.has_value();
  if (!inherited && environment.platform.address.empty()) {
    std::fputs(no_platform_message, stderr);
    return ExitCode::no_platform;
  }
  RuntimeApiClient client = connect_to(environment.platform);
  ExitCode code = ExitCode::init_failed;
  if (const auto error = runtime.load(environment.function)) {
    code = fail_init(client, *error);
  } else {
    // Only now: while the function loads, SIGTERM has its default effect, since nothing could be drained.
    const StopSignal stop(client);
    code = run_loop(client, runtime, {.inherited = inherited});
  }
  runtime.shutdown();
  return code;
}

}  // namespace

int run_bootstrap(Runtime& runtime) { return static_cast<int>(run(runtime)); }

}  // namespace kiln
