// SPDX-License-Identifier: Apache-2.0
// 16 invokers on 16 instances, all busy at once, against the raw relay with 16 clients and 16 runtimes.
#include <cstdio>
#include <stdexcept>

#include "bench/call_rate.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t at_once = 16;

std::vector<Outcome> run(Context& context) {
  RawRelay relay(at_once, at_once);
  std::vector<HttpInvoker> invokers;
  for (std::size_t i = 0; i < at_once; ++i) invokers.emplace_back(context.server().port());
  const auto request = KilnServer::invoke_request("bench-cpp", small_payload());
  const auto through_relay = [&](std::size_t thread) { relay.call(thread); };
  const auto through_kiln = [&](std::size_t thread) {
    const auto answer = invokers[thread].call(request);
    if (answer.status != 200) throw std::runtime_error("status " + std::to_string(answer.status));
  };
  calls_per_second(at_once, through_relay);
  calls_per_second(at_once, through_kiln);  // makes the instances

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(calls_per_second(at_once, through_relay));
    ours.push_back(calls_per_second(at_once, through_kiln));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "kiln %.0f calls/s, raw relay %.0f calls/s", median(ours), median(floor));
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement throughput() { return {{{"throughput_16x16", Bound::at_least, 0.45, 0.65}}, run}; }

}  // namespace kiln::bench
