// SPDX-License-Identifier: Apache-2.0
// The entrypoint of kiln's images. Where somebody else's platform has said where its Runtime API is, it becomes the
// bootstrap; else it serves the function itself.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/standalone/container_limits.hpp"
#include "runtime-api/standalone/health_check.hpp"
#include "runtime-api/standalone/init_process.hpp"
#include "runtime-api/standalone/serve.hpp"
#include "runtime-api/standalone/settings.hpp"

namespace {

using namespace kiln::standalone;

constexpr const char* help = R"(usage: kiln-standalone [HANDLER]       serve the function of this container
       kiln-standalone healthcheck     exit 0 where the server in this container is ready, 1 where it is not

With AWS_LAMBDA_RUNTIME_API set it becomes the bootstrap and asks that address for events; else it listens:
  PORT, KILN_HOST               8080, 0.0.0.0: HTTP; a request is an event (function-URL form), a CloudEvent, or a call of
                                /2015-03-31/functions/function/invocations
  KILN_OPERATIONS_PORT          9464: /livez /readyz /metrics /scale
  _HANDLER                      the handler, where no argument names it
  AWS_LAMBDA_FUNCTION_TIMEOUT   300: seconds an invocation may take
  KILN_INIT_TIMEOUT             10: seconds an instance may take to initialise
  KILN_QUEUE_TIMEOUT            20: seconds a call waits for a free instance, before it is refused with 429
  AWS_LAMBDA_MAX_CONCURRENCY    1: invocations at once in one instance
  KILN_MAX_INSTANCES            1: instances in this container
  KILN_ZYGOTE                   1: several instances of Python are forks of one interpreter; 0: each is executed
  KILN_PREIMPORT                modules that it loads ahead of time, for all of them: json,logging
  KILN_DRAIN_DELAY              seconds from SIGTERM until connections are refused (5 on Kubernetes without Knative, else 0)
  AWS_LAMBDA_EXEC_WRAPPER       a program that is given the bootstrap to execute
Exit codes: 0 ended as asked; 1 the function could not be initialised; 2 a setting cannot be; 126 the bootstrap (or the
wrapper) cannot be executed; 127 it is not there; 142 no handler is named.
)";

// One thread, before anything else exists.
// NOLINTBEGIN(concurrency-mt-unsafe)

/// As an instance of a server has them ("Defined runtime environment variables" of the developer guide), behind what the
/// image has set itself.
void find_layers() {
  for (const auto& [name, folders] :
       {std::pair{"PATH", "/opt/bin"}, {"LD_LIBRARY_PATH", "/var/task:/var/task/lib:/opt/lib"}}) {
    const char* const set = ::getenv(name);
    const std::string own = set == nullptr ? "" : set;
    ::setenv(name, (own.empty() ? folders : own + ":" + folders).c_str(), 1);
  }
}

/// Only returns where the program could not be executed.
int become_bootstrap(const Settings& settings) {
  const Bootstrap bootstrap = find_bootstrap(settings);
  if (bootstrap.executable.empty()) return bootstrap.missing;
  std::vector<std::string> words;
  if (!settings.exec_wrapper.empty()) words.push_back(settings.exec_wrapper);
  words.push_back(bootstrap.executable.string());
  ::setenv(kiln::environment::handler, settings.function.handler.c_str(), 1);
  ::setenv(kiln::environment::task_root, settings.task_root.c_str(), 1);
  ::setenv(kiln::environment::runtime_dir, settings.runtime_dir.c_str(), 1);
  find_layers();
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  const int reason = errno;
  std::fprintf(stderr, "kiln: cannot execute %s: %s\n", arguments[0], std::strerror(reason));
  return reason == ENOENT ? ExitCode::not_found : ExitCode::not_executable;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string first = arguments.empty() ? std::string() : arguments.front();
  if (first == "--help" || first == "-h") {
    std::fputs(help, stdout);
    return 0;
  }
  const bool checks = first == "healthcheck";
  const auto [settings, error] =
      read_settings(current_environment(), checks ? std::vector<std::string>() : arguments, memory_limit_mb());
  if (!settings) {
    std::fprintf(stderr, "kiln: %s\n", error->message.c_str());
    return ExitCode::bad_settings;
  }
  if (checks) return health_check(settings->host, settings->operations_port);
  if (settings->function.handler.empty() && settings->function.runtime != "provided") {
    std::fputs("kiln: the handler is not named: as the container's argument (CMD [\"index.handler\"]) or in _HANDLER\n",
               stderr);
    return ExitCode::no_handler;
  }
  const char* const platform = ::getenv(kiln::environment::runtime_api);
  if (platform != nullptr && *platform != '\0') return become_bootstrap(*settings);
  become_init();
  return serve(*settings);
}
// NOLINTEND(concurrency-mt-unsafe)
