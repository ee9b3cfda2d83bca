// SPDX-License-Identifier: Apache-2.0
// _X_AMZN_TRACE_ID of the running invocation.
#pragma once

#include <string>
#include <string_view>

namespace kiln {

/// Used from the thread that runs the handler; at most one lives at a time.
class TraceEnvironment {
 public:
  TraceEnvironment() = default;
  ~TraceEnvironment();
  TraceEnvironment(const TraceEnvironment&) = delete;
  TraceEnvironment& operator=(const TraceEnvironment&) = delete;

  /// Sets the variable for this invocation; removes it where `trace_id` is empty.
  void set(std::string_view trace_id);

 private:
  std::string entry_;  ///< "NAME=value", which the environment points into
  bool present_ = false;
};

}  // namespace kiln
