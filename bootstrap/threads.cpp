// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/threads.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "bootstrap/init.hpp"
#include "bootstrap/loop.hpp"
#include "bootstrap/stop_signal.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln {

ExitCode run_threads(Runtime& runtime, const FunctionEnvironment& environment, std::vector<RuntimeApiClient> clients,
                     bool inherited) {
  // There is one environment and several invocations: none of them owns the variable. Before the function has threads.
  ::unsetenv(environment::trace_id);  // NOLINT(concurrency-mt-unsafe)
  if (const auto failed = initialise(clients.front(), runtime, environment, inherited)) return *failed;

  std::latch started(1);
  std::latch ended(static_cast<std::ptrdiff_t>(clients.size()));
  std::atomic<ExitCode> code = ExitCode::ended;
  std::optional<StopSignal> stop;
  std::vector<std::thread> threads;
  std::vector<StopTarget> targets;
  for (RuntimeApiClient& client : clients) {
    threads.emplace_back([&] {
      started.wait();
      const ExitCode mine = run_loop(client, runtime, {.inherited = inherited, .trace_environment = false});
      if (mine != ExitCode::ended) {
        auto none = ExitCode::ended;
        code.compare_exchange_strong(none, mine);
        stop->request_stop();
      }
      ended.count_down();
    });
    targets.push_back({&client, threads.back().native_handle()});
  }
  stop.emplace(std::move(targets));
  started.count_down();
  ended.wait();
  stop.reset();
  for (std::thread& thread : threads) thread.join();
  return code;
}

}  // namespace kiln
