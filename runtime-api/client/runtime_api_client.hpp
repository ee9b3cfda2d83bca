// SPDX-License-Identifier: Apache-2.0
// The Runtime API as a runtime uses it: take the next event, post what became of it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "runtime-api/client/client_error.hpp"
#include "runtime-api/client/connection.hpp"
#include "runtime-api/client/peak_memory.hpp"
#include "runtime-api/client/response_reader.hpp"
#include "runtime-api/client/response_stream.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/protocol/result.hpp"

namespace kiln {

/// Names one attempt of one invocation to the platform.
struct InvocationKey {
  std::string_view request_id;
  std::string_view invocation_id;  ///< echoed where the platform sent one; may be empty

  InvocationKey(std::string_view request, std::string_view attempt) : request_id(request), invocation_id(attempt) {}
  InvocationKey(const Invocation& invocation)  // NOLINT: the invocation is its own name
      : request_id(invocation.request_id), invocation_id(invocation.invocation_id) {}
};

using NextResult = std::variant<Invocation, ClientError>;
/// Nothing where the post was accepted (202).
using PostResult = std::optional<ClientError>;

/// One blocking connection; every loop has its own. Used by one thread; only request_stop may come from elsewhere.
///
/// Over an inherited socket (kiln's own server) a post and the next poll go out in one write. Over TCP the answer to the
/// post is awaited first: a foreign server need not accept pipelining, and a broken connection could not be told from a
/// lost answer. A TCP connection that turns out dead is opened anew once for each request.
class RuntimeApiClient {
 public:
  enum class Pipelining { inherited_only, always };

  /// Speaks to `address` ("host:port" as in AWS_LAMBDA_RUNTIME_API). Connects with the first request.
  static RuntimeApiClient connect(std::string address, Pipelining pipelining = Pipelining::inherited_only);
  /// Speaks over `fd`, an inherited, connected stream socket; owns it, and sets it close-on-exec.
  static RuntimeApiClient from_fd(int fd);

  /// Waits, without a limit, for the next event. `stopped` where a stop was requested while none had arrived.
  NextResult next();
  /// Posts the handler's answer or its error and waits for the platform's 202.
  PostResult post(const InvocationKey& key, const InvocationResult& result);
  PostResult respond(const InvocationKey& key, const Success& success);
  PostResult fail(const InvocationKey& key, const FunctionError& error);
  /// Posts that the runtime could not load its function.
  PostResult fail_init(const FunctionError& error);

  /// Takes the memory of an event that is no longer needed, for the next one: large events need no new pages each time.
  void reuse(std::string payload);

  /// Begins to answer this invocation with a stream; nothing is sent yet. The post of its result, whichever it is, then
  /// ends the stream: a Success (whose body is to be empty) as it is, a FunctionError in trailers, or as an error like
  /// any other where nothing had been sent.
  void begin_stream(const InvocationKey& key, std::string_view content_type);
  /// See ResponseStream::write. After begin_stream, before the result is posted.
  std::optional<ClientError> write_stream(std::string_view bytes) { return stream_.write(bytes); }
  /// Whether a part of the stream may have reached the platform.
  bool stream_sent() const { return stream_.begun() && stream_.sent(); }

  /// Says that a snapshot of the process may be taken now, and waits until it has been restored.
  PostResult restore_next();
  /// Posts that the function could not go on after it was restored.
  PostResult fail_restore(const FunctionError& error);

  struct Exchange {
    PostResult posted;  ///< a refusal does not hinder `next`
    NextResult next;
  };
  /// The hot call: posts the result and takes the next event, in one write where that is allowed.
  Exchange post_and_next(const InvocationKey& key, const InvocationResult& result);

  /// The last words of a runtime that was told to stop: posts the result, and waits for the platform's answer no longer
  /// than `patience`, since a platform may hold it back until a next poll that never comes.
  PostResult post_last(const InvocationKey& key, const InvocationResult& result, std::chrono::milliseconds patience);

  /// Ends the conversation: says that nothing more comes, and waits until the platform has read all of it and closes too,
  /// but no longer than `patience`. Without this a platform that watches the process could see its end before its last
  /// post.
  void leave(std::chrono::milliseconds patience);

  /// Ends the current and every later wait for an event. Async-signal-safe; any thread.
  void request_stop() noexcept { connection_->request_stop(); }
  bool stop_requested() const noexcept { return connection_->stop_requested(); }

 private:
  RuntimeApiClient(std::unique_ptr<Connection> connection, bool pipelining);

  std::string get_request(std::string_view path) const;
  std::optional<ClientError> ask(std::string& request);
  void start_head(std::string_view path_start, std::string_view path_end, const InvocationKey& key);
  void finish_head();
  void write_post_head(std::string_view path_start, std::string_view path_end, const InvocationKey& key,
                       const InvocationResult& result);
  PostResult send_post(const InvocationResult& result, bool with_next);
  PostResult await_accepted(bool stoppable);
  PostResult exchange_post(const InvocationResult& result);
  PostResult post_error(std::string_view path, const FunctionError& error);
  bool ends_stream(const InvocationResult& result);
  PostResult end_stream(const InvocationResult& result);
  Exchange end_stream_and_next(const InvocationResult& result);
  Exchange await_accepted_and_event(PostResult send_error);
  std::optional<ClientError> await_answer(bool stoppable);
  NextResult await_event();
  NextResult take_event();

  std::unique_ptr<Connection> connection_;
  bool pipelining_;
  std::string next_request_;
  std::string host_field_;
  std::string head_;
  HttpAnswer answer_;
  ResponseStream stream_;
  PeakMemory peak_memory_;
};

}  // namespace kiln
