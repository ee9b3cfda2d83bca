// SPDX-License-Identifier: Apache-2.0
// Every case of the runtime kit, one file a group. A case starts what it needs, and throws Finding or NotOffered.
#pragma once

#include <string>
#include <vector>

#include "conformance/case.hpp"
#include "conformance/runtime/instance.hpp"

namespace kiln::conformance {

/// What a case gets: the way to start the runtime under test.
class RuntimeBench {
 public:
  explicit RuntimeBench(const RuntimeSubject& subject) : subject_(subject) {}
  Instance start(const StartOptions& options = {}) { return Instance(subject_, options, last_output_); }
  /// The same with the handler that streams.
  Instance start_streaming();
  const RuntimeSubject& subject() const { return subject_; }
  /// The end of what the last instance printed that has gone.
  const std::string& last_output() const { return last_output_; }

 private:
  const RuntimeSubject& subject_;
  std::string last_output_;
};

struct RuntimeCase {
  CaseInfo info;
  void (*run)(RuntimeBench&);
};

using RuntimeCases = std::vector<RuntimeCase>;

RuntimeCases init_cases();
RuntimeCases next_cases();
RuntimeCases event_cases();
RuntimeCases context_cases();
RuntimeCases response_cases();
RuntimeCases error_cases();
RuntimeCases refusal_cases();
RuntimeCases fault_cases();
RuntimeCases stream_cases();
RuntimeCases shutdown_cases();
RuntimeCases concurrency_cases();

/// All of them, in the order an instance meets them.
RuntimeCases runtime_cases();

}  // namespace kiln::conformance
