// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/phases.hpp"

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;

namespace {

std::string header(const InvocationTimes& times) {
  std::string out;
  append_server_timing(out, times);
  return out;
}

}  // namespace

TEST_CASE("A cold start's Server-Timing names every phase in order") {
  const PhaseTimes cold{.fetch = 200us, .prepare = 1100us, .launch = 2ms, .init = 14300us};
  CHECK(header({.cold = cold, .queue = 0ns, .invoke = 1200us}) ==
        R"(cold;desc="cold start", fetch;dur=0.2, prepare;dur=1.1, launch;dur=2, init;dur=14.3, invoke;dur=1.2)");
  CHECK(cold.total() == 17600us);
}

TEST_CASE("A warm start's Server-Timing resolves microseconds") {
  CHECK(header({.cold = {}, .queue = 0ns, .invoke = 18us}) == "warm, invoke;dur=0.018");
  CHECK(header({.cold = {}, .queue = 0ns, .invoke = 0ns}) == "warm, invoke;dur=0");
  CHECK(header({.cold = {}, .queue = 0ns, .invoke = 1400ns}) == "warm, invoke;dur=0.001");
  CHECK(header({.cold = {}, .queue = 0ns, .invoke = 1500ns}) == "warm, invoke;dur=0.002");
  CHECK(header({.cold = {}, .queue = 0ns, .invoke = 61s}) == "warm, invoke;dur=61000");
}

TEST_CASE("A wait in the queue is told only where there was one") {
  CHECK(header({.cold = {}, .queue = 5010us, .invoke = 1ms}) == "warm, queue;dur=5.01, invoke;dur=1");
}
