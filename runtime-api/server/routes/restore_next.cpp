// SPDX-License-Identifier: Apache-2.0
// GET /runtime/restore/next: a runtime that is initialized asks to be snapshotted, and hears when it has been restored.
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

Task<void> restore_next(RuntimeCall call) {
  http::Connection& connection = call.connection;
  RestorePoll poll;
  call.source.restore_next(poll);
  if (!poll.outcome.is_set()) {
    connection.watch_peer([&] {
      call.source.abandon(poll);
      poll.outcome.set(RestorePoll::Gone{});
    });
  }
  const RestorePoll::Outcome outcome = co_await poll.outcome;
  connection.watch_peer(nullptr);
  if (const auto* const refused = std::get_if<ApiError>(&outcome)) {
    co_await refuse(call, *refused);
  } else if (std::holds_alternative<RestorePoll::Restored>(outcome)) {
    connection.begin_answer(200, {});
    co_await connection.respond({});
  } else {
    connection.close();
  }
}

}  // namespace kiln::runtime_routes
