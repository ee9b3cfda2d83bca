// SPDX-License-Identifier: Apache-2.0
// What a sandbox costs an instance that exists already: warm calls into one, against warm calls into a plain process.
#include <cstdio>
#include <stdexcept>

#include "bench/call_times.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t calls_a_round = 2000;
constexpr std::size_t warm_up_calls = 200;

std::vector<Outcome> run(Context& context) {
  KilnServer sandboxed(context.kiln(), {}, "sandbox");
  sandboxed.deploy(context.built("no_op"), "bench-cpp", "cpp");
  HttpInvoker inside(sandboxed.port());
  HttpInvoker plain(context.server().port());
  const auto request = KilnServer::invoke_request("bench-cpp", small_payload());
  const auto call = [&](HttpInvoker& invoker) {
    return [&] {
      if (invoker.call(request).status != 200) throw std::runtime_error("a warm call failed");
    };
  };
  time_calls(warm_up_calls, call(plain));
  time_calls(warm_up_calls, call(inside));

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(median(time_calls(calls_a_round, call(plain))));
    ours.push_back(median(time_calls(calls_a_round, call(inside))));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "%.1f us in a sandbox, %.1f us in a plain process", median(ours), median(floor));
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement sandbox() { return {{{"warm_sandbox", Bound::at_most, 1.05, 1.0}}, run}; }

}  // namespace kiln::bench
