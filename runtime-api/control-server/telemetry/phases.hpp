// SPDX-License-Identifier: Apache-2.0
// What a cold start consists of, and how an invoker is told (header Server-Timing).
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace kiln {

/// How long each phase of one cold start took.
struct PhaseTimes {
  std::chrono::nanoseconds fetch{0};    ///< the code is there, unpacked
  std::chrono::nanoseconds prepare{0};  ///< folders, environment, namespaces, limits
  std::chrono::nanoseconds launch{0};   ///< the process exists
  std::chrono::nanoseconds init{0};     ///< from there to the runtime's first poll

  std::chrono::nanoseconds total() const { return fetch + prepare + launch + init; }
};

/// Where the time of one invocation went.
struct InvocationTimes {
  std::optional<PhaseTimes> cold = {};  ///< of the instance made for it; empty for a warm start
  std::chrono::nanoseconds queue{0};    ///< waiting for an instance, a cold start's own time aside
  std::chrono::nanoseconds invoke{0};
};

/// Appends the value of Server-Timing, in milliseconds to the microsecond:
/// `cold;desc="cold start", fetch;dur=0.2, prepare;dur=1.1, launch;dur=2, init;dur=14.3, invoke;dur=1.2`, or
/// `warm, invoke;dur=0.018`. `queue;dur=…` stands before invoke where there was any wait.
void append_server_timing(std::string& out, const InvocationTimes& times);

}  // namespace kiln
