// SPDX-License-Identifier: Apache-2.0
// The Server-Timing header of an invocation, read (W3C Server Timing).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

struct TimedPhase {
  std::string name;
  /// Milliseconds; negative where the header gives none.
  double milliseconds = -1;
  std::string description;
};

/// The phases in the order of the header. Entries without a name are left out; what cannot be read of an entry is
/// ignored, as the specification asks.
std::vector<TimedPhase> parse_server_timing(std::string_view header);

}  // namespace kiln::cli
