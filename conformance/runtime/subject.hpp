// SPDX-License-Identifier: Apache-2.0
// The custom runtime under test, as the command line names it.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "conformance/process/child.hpp"

namespace kiln::conformance {

struct RuntimeSubject {
  std::vector<std::string> command;       ///< the bootstrap with its arguments
  std::string handler = "index.handler";  ///< _HANDLER
  std::string stream_handler{};           ///< _HANDLER where a response is to be streamed; empty: the same
  std::string task_root;                  ///< LAMBDA_TASK_ROOT
  Environment environment;                ///< set on top of everything else
  /// How long a condition may take to come true before a case gives up.
  std::chrono::milliseconds patience{10'000};
  /// What runtime and handler offer beyond echo and error (docs/conformance.md, The test handler).
  std::set<std::string, std::less<>> offers;
};

}  // namespace kiln::conformance
