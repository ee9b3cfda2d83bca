// SPDX-License-Identifier: Apache-2.0
// One instance that runs eight invocations at once, against eight instances that run one each.
#include <cstdio>
#include <stdexcept>

#include "bench/call_rate.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t at_once = 8;

std::vector<Outcome> run(Context& context) {
  auto& server = context.server();
  server.deploy(context.built("no_op"), "bench-threads", "cpp", {"--concurrency", "8", "--max-instances", "1"});
  server.deploy(context.built("no_op"), "bench-instances", "cpp", {"--max-instances", "8"});
  std::vector<HttpInvoker> invokers;
  for (std::size_t i = 0; i < at_once; ++i) invokers.emplace_back(server.port());
  const auto rate = [&](const std::string& function) {
    const auto request = KilnServer::invoke_request(function, small_payload());
    return calls_per_second(at_once, [&](std::size_t thread) {
      const auto answer = invokers[thread].call(request);
      if (answer.status != 200) throw std::runtime_error("status " + std::to_string(answer.status));
    });
  };
  rate("bench-threads");  // makes the instances
  rate("bench-instances");

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(rate("bench-instances"));
    ours.push_back(rate("bench-threads"));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "1 x 8: %.0f calls/s, 8 x 1: %.0f calls/s", median(ours), median(floor));
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement concurrency() { return {{{"warm_concurrency_8", Bound::at_least, 0.9, 1.0}}, run}; }

}  // namespace kiln::bench
