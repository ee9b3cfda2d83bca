// SPDX-License-Identifier: Apache-2.0
// The server kit as a whole: plays runtimes and invokers against a Runtime API server.
#pragma once

#include <chrono>
#include <vector>

#include "conformance/case.hpp"
#include "conformance/judge.hpp"
#include "conformance/server/hand_over.hpp"
#include "conformance/server/platform.hpp"

namespace kiln::conformance {

/// Every case, for lists.
std::vector<CaseInfo> server_case_list();

/// Runs the selected cases, with a function of its own for each where the platform can give one. `stand_ins` is null
/// where the platform starts none. Throws CannotRun where the platform cannot be had at all.
Report run_server_kit(Platform& platform, StandInListener* stand_ins, std::chrono::milliseconds patience,
                      const Selection& selection, const Progress& progress);

}  // namespace kiln::conformance
