// SPDX-License-Identifier: Apache-2.0
// The Runtime API of one instance as the server has it (loop, listener, connections, session, routes), with the platform
// behind it played by the test.
#pragma once

#include <deque>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/server/extensions/extension_registry.hpp"
#include "runtime-api/server/http/listener.hpp"
#include "runtime-api/server/runtime_api.hpp"
#include "runtime-api/server/runtime_session.hpp"
#include "runtime-api/server/telemetry_source.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/raw_client.hpp"

namespace kiln::test {

inline const std::string request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
inline const std::string attempt_id = "0b7f1a52-1111-4222-8333-944455566677";

/// An event with every field that is always there, and none of the others.
Invocation plain_event(std::string payload = "{}", const std::string& id = request_id);

// Requests as a plain client writes them.
std::string get_next();
std::string post(std::string_view path, std::string_view body, std::string_view fields = {});
std::string post_response(std::string_view body, std::string_view fields = {}, const std::string& id = request_id);
std::string post_error(std::string_view body, std::string_view fields = {}, const std::string& id = request_id);
std::string post_init_error(std::string_view body, std::string_view fields = {});
/// `body` as chunks of at most `size` bytes, with the last chunk and `trailers` (whole lines).
std::string chunked(std::string_view body, std::size_t size, std::string_view trailers = {});

struct ServerOptions {
  unsigned max_concurrency = 1;
  http::ConnectionOptions connection = runtime_connection_options();
  bool hold_accepted = false;
  bool extensions = true;  ///< whether the Extensions API is served
  bool telemetry = true;   ///< whether the Telemetry API is served, too
  bool runtime = true;     ///< whether the runtime's own routes are
  bool restore = false;    ///< whether restore/next and restore/error are
  InstanceMetadata metadata{"the-token", "use1-az1"};
};

/// "00000000-0000-4000-8000-00000000000N": the N-th identifier that the server makes.
std::string identifier(unsigned n);

/// The platform behind the Telemetry API, as far as the routes know it. Loop's thread only.
class RecordedTelemetry final : public TelemetrySource {
 public:
  bool subscription_closed() const override { return closed; }
  std::optional<ApiError> subscribe(const Extension& extension, TelemetrySubscription subscription) override {
    if (refusal) return refusal;
    subscriptions.emplace_back(extension.name, std::move(subscription));
    return std::nullopt;
  }
  bool closed = false;
  std::optional<ApiError> refusal;
  std::vector<std::pair<std::string, TelemetrySubscription>> subscriptions;
};

/// Public functions are for the test's thread.
class RuntimeApiServer {
 public:
  explicit RuntimeApiServer(ServerOptions options = {});
  /// Ends the session, closes every connection and waits for their ends.
  ~RuntimeApiServer();
  RuntimeApiServer(const RuntimeApiServer&) = delete;
  RuntimeApiServer& operator=(const RuntimeApiServer&) = delete;

  unsigned short port() const { return port_; }
  RawClient connect(int receive_buffer = 0) const { return RawClient(port_, receive_buffer); }

  /// Invokes once the runtime is idle.
  std::future<InvocationResult> invoke(Invocation event = plain_event(), ResponseSink* sink = nullptr);
  /// A client that has polled and got `event`; the result comes by `result`.
  RawClient running(std::future<InvocationResult>& result, Invocation event = plain_event(),
                    ResponseSink* sink = nullptr);
  /// What the init phase came to, waiting for its end.
  InitOutcome initialized();
  /// Lets a runtime that waits to be restored go on.
  void restore();
  /// What its hooks came to, waiting for their end.
  InitOutcome restored();
  void fail(const std::string& id, const FunctionError& error);
  void end(const FunctionError& error);

  bool idle();
  std::size_t connections();
  /// Waits until this many connections are open.
  bool wait_for_connections(std::size_t count);
  bool wait_until_idle(bool idle = true);
  /// Closes what the server has of every connection, as the end of an instance does.
  void close_connections();
  long reported_memory_kib();
  /// For what lives on the loop's thread.
  LoopThread& thread() { return thread_; }
  /// Calls `f(registry)` on the loop's thread and returns what it returns.
  template <class F>
  auto extensions(F f) {
    return thread_.call([&] { return f(extensions_); });
  }
  /// The same for what has subscribed.
  template <class F>
  auto telemetry(F f) {
    return thread_.call([&] { return f(telemetry_); });
  }
  /// What the registry has reported as a failure so far.
  std::vector<ExtensionFailure> extension_failures();
  bool wait_until_extensions_settled(bool settled = true);

  std::vector<std::string> reports() const { return thread_.reports(); }

 private:
  struct Pending {
    Invocation event;
    ResponseSink* sink = nullptr;
    std::promise<InvocationResult> promise;
  };

  Task<void> serve(int fd);
  Task<void> run(std::shared_ptr<Pending> pending);
  Task<void> watch_init();
  Task<void> watch_restore();
  void start_waiting();

  const ServerOptions options_;
  // From here on, the loop's thread only; declared in front of the thread, so that they outlive it.
  RuntimeSession session_;
  unsigned identifiers_ = 0;
  ExtensionRegistry extensions_;
  std::vector<ExtensionFailure> extension_failures_;
  RecordedTelemetry telemetry_;
  RuntimeApiOptions api_options_;
  std::list<http::Connection*> connections_;
  std::deque<std::shared_ptr<Pending>> waiting_;
  std::promise<InitOutcome> initialized_;
  std::promise<InitOutcome> restored_;
  LoopThread thread_;
  std::unique_ptr<http::Listener> listener_;
  unsigned short port_ = 0;
};

/// Waits for a result, but not for ever.
InvocationResult get(std::future<InvocationResult>& result);
const Success& success(const InvocationResult& result);
const FunctionError& failure(const InvocationResult& result);

}  // namespace kiln::test
