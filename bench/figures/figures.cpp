// SPDX-License-Identifier: Apache-2.0
#include "bench/figures/figures.hpp"

namespace kiln::bench {

std::vector<Measurement> all_measurements() {
  return {
      warm_calls(), throughput(),  parked_polls(), cold_starts(), large_payloads(), versus_emulator(),
      streams(),    concurrency(), extensions(),   sandbox(),     zygote(),
  };
}

}  // namespace kiln::bench
