// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/loop.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "bootstrap/trace_environment.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

using namespace std::chrono_literals;

/// How long a stopping instance waits for the platform to take its last words; well inside limits::shutdown_timeout.
constexpr auto farewell = 300ms;

/// The sink of one invocation.
class Stream final : public ResponseSink {
 public:
  Stream(RuntimeApiClient& client, const Invocation& invocation, std::string& spare)
      : client_(client), invocation_(invocation), spare_(spare) {}

  void open(std::string_view content_type) override {
    if (!std::exchange(open_, true)) client_.begin_stream(invocation_, content_type);
  }
  bool is_open() const override { return open_; }
  std::optional<std::string> write(std::string_view bytes) override {
    open("application/octet-stream");
    const auto error = client_.write_stream(bytes);
    if (!error) return std::nullopt;
    return "nobody takes the rest of this response: the Runtime API " + error->describe();
  }
  std::string body_buffer() override {
    std::string buffer = std::exchange(spare_, {});
    buffer.clear();
    return buffer;
  }

 private:
  RuntimeApiClient& client_;
  const Invocation& invocation_;
  std::string& spare_;
  bool open_ = false;
};

/// The result's body, where its memory is worth keeping.
std::string spare_of(InvocationResult& result) {
  auto* success = std::get_if<Success>(&result);
  if (success == nullptr || success->body.capacity() > limits::max_response_payload) return {};
  return std::move(success->body);
}

}  // namespace

void complain(const ClientError& error, const char* during) {
  std::fprintf(stderr, "kiln bootstrap: during %s the Runtime API %s\n", during, error.describe().c_str());
}

ExitCode exit_code_of(const ClientError& error, bool stopping, bool inherited) {
  if (stopping) return ExitCode::ended;
  switch (error.kind) {
    case ClientError::Kind::stopped: return ExitCode::ended;
    case ClientError::Kind::refused:
    case ClientError::Kind::malformed: return ExitCode::platform_refused;
    case ClientError::Kind::peer_closed: return inherited ? ExitCode::ended : ExitCode::platform_lost;
    case ClientError::Kind::unreachable: return ExitCode::platform_lost;
  }
  return ExitCode::platform_lost;
}

ExitCode run_loop(RuntimeApiClient& client, Runtime& runtime, const LoopOptions& options) {
  std::optional<TraceEnvironment> trace;
  if (options.trace_environment) trace.emplace();
  std::string spare;
  NextResult next = client.next();
  while (auto* event = std::get_if<Invocation>(&next)) {
    if (trace) trace->set(event->trace_id);
    Stream stream(client, *event, spare);
    InvocationResult result = runtime.invoke(*event, stream);
    client.reuse(std::move(event->payload));
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
    spare = spare_of(result);
    // A refused post (too late, too large) or a stream that broke concerns one invocation, and the platform has told its
    // invoker; the next event is not to suffer for it.
    const bool survived = std::holds_alternative<Invocation>(next);
    if (posted && (survived || posted->kind == ClientError::Kind::refused)) complain(*posted, "a post");
  }
  const auto& error = std::get<ClientError>(next);
  const ExitCode code = exit_code_of(error, client.stop_requested(), options.inherited);
  if (code == ExitCode::ended) {
    client.leave(farewell);
  } else {
    complain(error, "the poll for an event");
  }
  return code;
}

}  // namespace kiln
