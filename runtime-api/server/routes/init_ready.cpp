// SPDX-License-Identifier: Apache-2.0
// POST /runtime/init/ready: a runtime that is ready, and says so before it asks for its first event. The init phase ends
// here; events wait for the poll. (Tencent SCF's Runtime API has this route; the body means nothing.)
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

Task<void> init_ready(RuntimeCall call) {
  if (const auto refused = call.source.init_ready()) {
    co_await refuse(call, *refused);
    co_return;
  }
  co_await accept(call);
}

}  // namespace kiln::runtime_routes
