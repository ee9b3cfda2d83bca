// SPDX-License-Identifier: Apache-2.0
// HTTP in, first answer out, with an instance made for this call, against the start of a bare program.
#include <cstdio>

#include "bench/cold_calls.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/floor/process_start.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t starts_a_round = 7;

Outcome compare(Context& context, KilnServer& server, const std::string& function,
                const std::vector<std::string>& bare) {
  ColdCalls calls(server, function);
  // The first start reads everything from the disk.
  time_of_process(bare);
  calls.time_one();

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    std::vector<double> floor_round;
    std::vector<double> our_round;
    for (std::size_t i = 0; i < starts_a_round; ++i) {
      floor_round.push_back(time_of_process(bare));
      our_round.push_back(calls.time_one());
    }
    floor.push_back(median(floor_round));
    ours.push_back(median(our_round));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[128];
  std::snprintf(text, sizeof text, "cold call %.2f ms, bare process %.2f ms, %zu starts a round", median(ours),
                median(floor), starts_a_round);
  outcome.detail = text;
  return outcome;
}

std::vector<Outcome> run(Context& context) {
  // An instance that may idle for no time at all is gone before the next call.
  context.server().deploy(context.built("no_op"), "cold-cpp", "cpp", {"--idle", "0"});
  context.server().deploy(context.functions_folder() + "/python-echo", "cold-python", context.python_runtime(),
                          {"--idle", "0"});
  KilnServer sandboxed(context.kiln(), {}, "sandbox");
  sandboxed.deploy(context.built("no_op"), "cold-cpp", "cpp", {"--idle", "0"});
  return {compare(context, context.server(), "cold-cpp", {context.built("empty")}),
          compare(context, context.server(), "cold-python", bare_python()),
          compare(context, sandboxed, "cold-cpp", {context.built("empty")})};
}

}  // namespace

Measurement cold_starts() {
  return {{{"cold_cpp_process", Bound::at_most, 3.0, 2.0},
           {"cold_python_process", Bound::at_most, 1.3, 0.8},
           {"cold_cpp_sandbox", Bound::at_most, 6.0, 3.0}},
          run};
}

}  // namespace kiln::bench
