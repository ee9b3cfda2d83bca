// SPDX-License-Identifier: Apache-2.0
// The largest event there is, echoed by C++, against a raw relay of the same bytes.
#include <cstdio>
#include <stdexcept>

#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t largest_event = 6'291'456;
constexpr std::size_t calls_a_round = 9;

/// A JSON string of exactly `size` bytes.
std::string json_string(std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; }

double milliseconds(auto call) {
  const auto start = Clock::now();
  call();
  return microseconds_since(start) / 1000;
}

std::vector<Outcome> run(Context& context) {
  context.server().deploy(context.built("echo"), "bench-echo", "cpp", {"--timeout", "60"});
  RawRelay relay(1, 1, largest_event);
  HttpInvoker invoker(context.server().port());
  const auto request = KilnServer::invoke_request("bench-echo", json_string(largest_event));
  const auto through_relay = [&] { relay.call(0); };
  const auto through_kiln = [&] {
    const auto answer = invoker.call(request);
    if (answer.status != 200 || answer.body.size() != largest_event) {
      throw std::runtime_error("status " + std::to_string(answer.status) + ", " + std::to_string(answer.body.size()) +
                               " bytes");
    }
  };
  through_relay();
  through_kiln();

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    std::vector<double> floor_round;
    std::vector<double> our_round;
    for (std::size_t i = 0; i < calls_a_round; ++i) {
      floor_round.push_back(milliseconds(through_relay));
      our_round.push_back(milliseconds(through_kiln));
    }
    floor.push_back(median(floor_round));
    ours.push_back(median(our_round));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "kiln %.1f ms, raw relay %.1f ms, %zu calls a round", median(ours), median(floor),
                calls_a_round);
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement large_payloads() { return {{{"echo_6mib_cpp", Bound::at_most, 3.0, 1.5}}, run}; }

}  // namespace kiln::bench
