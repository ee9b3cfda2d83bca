// SPDX-License-Identifier: Apache-2.0
// The floors of a cold start: how long a bare program takes from fork to its end.
#pragma once

#include <string>
#include <vector>

namespace kiln::bench {

/// Milliseconds from before the fork until `command` (an absolute path first) has ended and is reaped. Throws
/// std::runtime_error where it does not end with exit code 0.
double time_of_process(const std::vector<std::string>& command);

/// The distribution's interpreter importing what every Python function needs: json and logging.
std::vector<std::string> bare_python();

}  // namespace kiln::bench
