// SPDX-License-Identifier: Apache-2.0
// What a function's pool keeps of its instances, and of the calls in front of it. For function_pool.cpp and
// function_pool_scaling.cpp only.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "runtime-api/control-server/instances/function_pool.hpp"

namespace kiln {

/// An instance with what only its pool knows of it.
struct FunctionPool::Member {
  std::unique_ptr<Instance> instance;
  std::optional<PhaseTimes> cold_start;  // until the first invocation takes it
  bool listed_idle = false;
};

/// A call in front of the pool; lives in its coroutine's frame.
struct FunctionPool::Waiter {
  Waiter(EventLoop& loop, std::string_view id) : request_id(id), limit(loop) {}
  const std::string_view request_id;
  Timer limit;
  Completion<Acquired> done;
};

}  // namespace kiln
