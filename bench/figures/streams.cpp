// SPDX-License-Identifier: Apache-2.0
// Streamed answers: when the first byte is there, against a whole warm buffered call; and how fast many bytes pass, against a
// raw relay of the same bytes.
#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "bench/call_times.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/floor/byte_relay.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"
#include "bench/stream_invoker.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t calls_a_round = 2000;
constexpr std::size_t warm_up_calls = 200;
constexpr std::uint64_t many_bytes = 256ULL << 20;

std::string stream_request(std::uint64_t bytes) {
  return HttpInvoker::request("POST", "/bench-stream", std::to_string(bytes));
}

/// A C++ function that streams, behind an HTTP trigger, so that what arrives is the body and nothing around it.
void deploy(Context& context) {
  context.server().deploy(context.built("stream"), "bench-stream", "cpp",
                          {"--timeout", "60", "--trigger", "POST /bench-stream"});
}

std::uint64_t streamed(StreamInvoker& invoker, const std::string& request, std::uint64_t bytes) {
  const auto answer = invoker.call(request);
  if (answer.bytes != bytes) throw std::runtime_error(std::to_string(answer.bytes) + " bytes came");
  return answer.bytes;
}

Outcome first_byte(Context& context) {
  HttpInvoker buffered(context.server().port());
  StreamInvoker streaming(context.server().port());
  const auto buffered_request = HttpInvoker::request("POST", "/bench-buffered", small_payload());
  const auto request = stream_request(64);
  const auto call_buffered = [&] {
    if (buffered.call(buffered_request).status != 200) throw std::runtime_error("a buffered call failed");
  };
  time_calls(warm_up_calls, call_buffered);
  time_calls(warm_up_calls, [&] { streamed(streaming, request, 64); });

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(median(time_calls(calls_a_round, call_buffered)));
    std::vector<double> first;
    for (std::size_t i = 0; i < calls_a_round; ++i) first.push_back(streaming.call(request).first_byte_us);
    ours.push_back(median(std::move(first)));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "first byte %.1f us, buffered call %.1f us", median(ours), median(floor));
  outcome.detail = text;
  return outcome;
}

Outcome bytes_per_second(Context& context) {
  ByteRelay relay;
  StreamInvoker invoker(context.server().port());
  const auto request = stream_request(many_bytes);
  const auto megabytes_a_second = [](auto transfer) {
    const auto start = Clock::now();
    transfer();
    return static_cast<double>(many_bytes) / microseconds_since(start);
  };
  const auto relayed = [&] { return megabytes_a_second([&] { relay.transfer(many_bytes); }); };
  // TCP's windows grow with the first transfers.
  for (int i = 0; i < 3; ++i) {
    relayed();
    streamed(invoker, request, many_bytes);
  }
  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    // What disturbs a floor only makes it slower, and kiln look better: the fastest of three is nearest to it.
    floor.push_back(std::max({relayed(), relayed(), relayed()}));
    ours.push_back(megabytes_a_second([&] { streamed(invoker, request, many_bytes); }));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "256 MiB at %.0f MB/s, raw relay at %.0f MB/s", median(ours), median(floor));
  outcome.detail = text;
  return outcome;
}

std::vector<Outcome> run(Context& context) {
  deploy(context);
  context.server().deploy(context.built("no_op"), "bench-buffered", "cpp", {"--trigger", "POST /bench-buffered"});
  return {first_byte(context), bytes_per_second(context)};
}

}  // namespace

Measurement streams() {
  return {{{"stream_first_byte", Bound::at_most, 1.5, 1.1}, {"stream_throughput", Bound::at_least, 0.5, 0.8}}, run};
}

}  // namespace kiln::bench
