// SPDX-License-Identifier: Apache-2.0
// One invoker, one warm instance, one call after another, against the raw relay.
#include <cstdio>
#include <stdexcept>

#include "bench/call_times.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t calls_a_round = 3000;
constexpr std::size_t warm_up_calls = 300;

Outcome compare(const char* what, const std::vector<double>& ours, const std::vector<double>& floor) {
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[128];
  std::snprintf(text, sizeof text, "%s %.1f us, raw relay %.1f us, %zu calls a round", what, median(ours),
                median(floor), calls_a_round);
  outcome.detail = text;
  return outcome;
}

std::vector<Outcome> run(Context& context) {
  auto& relay = context.relay();
  HttpInvoker invoker(context.server().port());
  const auto to_cpp = KilnServer::invoke_request("bench-cpp", small_payload());
  const auto to_python = KilnServer::invoke_request("bench-python", small_payload());
  const auto invoke = [&](const std::string& request) {
    const auto answer = invoker.call(request);
    if (answer.status != 200)
      throw std::runtime_error("status " + std::to_string(answer.status) + ": " + std::string(answer.body));
  };
  time_calls(warm_up_calls, [&] { relay.call(0); });
  time_calls(warm_up_calls, [&] { invoke(to_cpp); });
  time_calls(warm_up_calls, [&] { invoke(to_python); });

  CallRounds floor;
  CallRounds cpp;
  CallRounds python;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.add(time_calls(calls_a_round, [&] { relay.call(0); }));
    cpp.add(time_calls(calls_a_round, [&] { invoke(to_cpp); }));
    python.add(time_calls(calls_a_round, [&] { invoke(to_python); }));
  }
  return {compare("no-op C++", cpp.p50, floor.p50), compare("no-op C++", cpp.p99, floor.p99),
          compare("Python echo", python.p50, floor.p50)};
}

}  // namespace

Measurement warm_calls() {
  return {{{"warm_cpp_p50", Bound::at_most, 1.8, 1.4},
           {"warm_cpp_p99", Bound::at_most, 3.0, 1.5},
           {"warm_python_p50", Bound::at_most, 2.5, 1.8}},
          run};
}

}  // namespace kiln::bench
