// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/loop.hpp"

#include <cstdio>
#include <utility>

#include "bootstrap/trace_environment.hpp"

namespace kiln {
namespace {

using namespace std::chrono_literals;

/// How long a stopping instance waits for the platform to take its last words; well inside limits::shutdown_timeout.
constexpr auto farewell = 300ms;

void complain(const ClientError& error, const char* during) {
  std::fprintf(stderr, "kiln bootstrap: during %s the Runtime API %s\n", during, error.describe().c_str());
}

/// What the end of the conversation means for the process.
ExitCode exit_code_of(const ClientError& error, bool stopping, const LoopOptions& options) {
  if (stopping) return ExitCode::ended;
  switch (error.kind) {
    case ClientError::Kind::stopped: return ExitCode::ended;
    case ClientError::Kind::refused:
    case ClientError::Kind::malformed: return ExitCode::platform_refused;
    case ClientError::Kind::peer_closed: return options.inherited ? ExitCode::ended : ExitCode::platform_lost;
    case ClientError::Kind::unreachable: return ExitCode::platform_lost;
  }
  return ExitCode::platform_lost;
}

}  // namespace

ExitCode run_loop(RuntimeApiClient& client, Runtime& runtime, const LoopOptions& options) {
  TraceEnvironment trace;
  NextResult next = client.next();
  while (auto* event = std::get_if<Invocation>(&next)) {
    if (options.trace_environment) trace.set(event->trace_id);
    const InvocationResult result = runtime.invoke(*event);
    PostResult posted;
    const bool last = client.stop_requested();
    if (last) {
      posted = client.post_last(*event, result, farewell);
      next = ClientError{ClientError::Kind::stopped, 0, {}};
    } else {
      auto exchange = client.post_and_next(*event, result);
      posted = std::move(exchange.posted);
      next = std::move(exchange.next);
    }
    // A refused post concerns one invocation (too late, too large), and the platform has told its invoker; the next
    // event is not to suffer for it.
    if (posted && posted->kind == ClientError::Kind::refused) complain(*posted, "a post");
  }
  const auto& error = std::get<ClientError>(next);
  const ExitCode code = exit_code_of(error, client.stop_requested(), options);
  if (code == ExitCode::ended) {
    client.leave(farewell);
  } else {
    complain(error, "the poll for an event");
  }
  return code;
}

}  // namespace kiln
