// SPDX-License-Identifier: Apache-2.0
// Every measurement there is. A new one: a file in this folder with one function, declared here and listed in figures.cpp.
#pragma once

#include <vector>

#include "bench/figure.hpp"

namespace kiln::bench {

/// warm_cpp_p50, warm_cpp_p99, warm_python_p50
Measurement warm_calls();
/// throughput_16x16
Measurement throughput();
/// parked_10k_bytes, parked_10k_p50
Measurement parked_polls();
/// cold_cpp_process, cold_python_process, cold_cpp_sandbox
Measurement cold_starts();
/// warm_sandbox
Measurement sandbox();
/// cold_python_zygote_p50, cold_python_zygote_p99, cold_python_preload, cold_burst_200, idle_python_pss
Measurement zygote();
/// versus_emulator_p50, versus_emulator_p99
Measurement versus_emulator();
/// stream_first_byte, stream_throughput
Measurement streams();
/// warm_concurrency_8
Measurement concurrency();
/// warm_with_extension
Measurement extensions();
/// echo_6mib_cpp
Measurement large_payloads();

/// In the order in which they run and are printed.
std::vector<Measurement> all_measurements();

}  // namespace kiln::bench
