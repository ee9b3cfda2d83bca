// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/trace_environment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "runtime-api/protocol/environment.hpp"

namespace kiln {

TraceEnvironment::~TraceEnvironment() { set({}); }

// The contract has one variable for the whole process, so this class is for processes with one loop.
// NOLINTBEGIN(concurrency-mt-unsafe)
void TraceEnvironment::set(std::string_view trace_id) {
  if (trace_id.empty()) {
    // Also where the process was started with one: it belongs to another invocation.
    ::unsetenv(environment::trace_id);
    present_ = false;
    return;
  }
  // Not setenv: glibc keeps every value it was ever given, and each invocation has another one. putenv points into our
  // own storage, which is rewritten in place.
  const std::size_t name_size = std::strlen(environment::trace_id) + 1;
  if (entry_.capacity() < name_size + trace_id.size()) {
    // The storage is about to move: nobody may look at the old one.
    ::unsetenv(environment::trace_id);
    entry_.reserve(std::max<std::size_t>(2 * (name_size + trace_id.size()), 512));
    present_ = false;
  }
  entry_.assign(environment::trace_id).append("=").append(trace_id);
  // The function may have changed the variable itself.
  if (!present_ || std::getenv(environment::trace_id) != entry_.data() + name_size) ::putenv(entry_.data());
  present_ = true;
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace kiln
