// SPDX-License-Identifier: Apache-2.0
#include "cli/export/exported_function.hpp"

#include "runtime-api/protocol/environment.hpp"

namespace kiln::cli {

std::vector<Variable> kiln_variables(const ExportedFunction& function) {
  std::vector<Variable> variables;
  if (function.pulls()) {
    variables.emplace_back(environment::runtime_api, function.pull);
  }
  variables.emplace_back(environment::function_name, function.function_name);
  variables.emplace_back(environment::function_memory, std::to_string(function.memory_mb));
  if (!function.pulls()) {
    variables.emplace_back("AWS_LAMBDA_FUNCTION_TIMEOUT", std::to_string(function.timeout_s));
  }
  if (function.concurrency > 1) {
    variables.emplace_back(environment::max_concurrency, std::to_string(function.concurrency));
  }
  return variables;
}

int grace_seconds(const ExportedFunction& function, int drain_s) {
  // A call that waits when SIGTERM comes may wait as long as ever, and then run as long. One that polls has no queue.
  constexpr int queue_s = 20;  // KILN_QUEUE_TIMEOUT, unless somebody sets it
  return (function.pulls() ? 0 : drain_s + queue_s) + function.timeout_s + end_slack_s;
}

}  // namespace kiln::cli
