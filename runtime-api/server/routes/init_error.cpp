// SPDX-License-Identifier: Apache-2.0
// POST /runtime/init/error: legal once, before the first poll. The body is what the first invoker sees.
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

Task<void> init_error(RuntimeCall call) {
  if (const auto refused = call.source.begin_init_error()) {
    co_await refuse(call, *refused);
    co_return;
  }
  FunctionError error;
  const PhaseErrorBody body =
      co_await read_phase_error(call, error, "The runtime failed to initialize and gave no details");
  call.source.complete_init_error(std::move(error));
  co_await answer_phase_error(call, body);
}

}  // namespace kiln::runtime_routes
