// SPDX-License-Identifier: Apache-2.0
// The runtime kit as a whole: plays the platform against a custom runtime.
#pragma once

#include <vector>

#include "conformance/case.hpp"
#include "conformance/judge.hpp"
#include "conformance/runtime/subject.hpp"

namespace kiln::conformance {

/// Every case, for lists.
std::vector<CaseInfo> runtime_case_list();

/// Asks the test handler what it offers, then runs the selected cases, one process at least for each. Throws CannotRun
/// where the runtime cannot be started.
Report run_runtime_kit(RuntimeSubject subject, const Selection& selection, const Progress& progress);

}  // namespace kiln::conformance
