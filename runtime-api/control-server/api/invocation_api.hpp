// SPDX-License-Identifier: Apache-2.0
// From an HTTP request to an invocation of a function, and back: calls of Invoke, and plain HTTP. Which function it is, is
// the caller's affair, so that a control server of many functions and a container of one share it. Data-plane thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/control-server/telemetry/metrics.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// Under what name and path a function was found for a plain HTTP request.
struct HttpRoute {
  std::string api_id;
  std::string route_key;  ///< "GET /users/{id}"; "$default"
  std::vector<std::pair<std::string, std::string>> path_parameters;
};

class InvocationApi {
 public:
  struct Parts {
    Metrics& metrics;
    AccountSettings account;
    /// The pool of a function; null where there is none of that name.
    std::function<std::shared_ptr<FunctionPool>(std::string_view name)> find;
  };
  explicit InvocationApi(Parts parts) : parts_(std::move(parts)) {}

  /// Whether the path is one of Invoke's; then the request is answered by `invoke`.
  static bool owns(std::string_view path);
  Task<void> invoke(http::Connection& connection);
  /// A plain HTTP request as an event of payload format 2.0, and the result as an HTTP answer.
  Task<void> call(http::Connection& connection, std::shared_ptr<FunctionPool> pool, HttpRoute route);

  /// From now on connections are closed after their answer.
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

  Task<void> send(http::Connection& connection, const http::ApiResponse& answer, std::string_view request_id = {});
  /// An error in the real service's form.
  Task<void> refuse(http::Connection& connection, const ServiceError& error, std::string_view request_id = {});
  /// Answers a body that could not be read: too large in the operation's words, else 400 and the end of the connection.
  Task<void> refuse_body(http::Connection& connection, http::BodyStatus status, std::size_t limit,
                         std::string_view operation);
  Task<void> refuse_throttled(http::Connection& connection, const Throttled& throttled, std::string_view request_id);

 private:
  struct InvokeCall {
    Invocation invocation;
    std::shared_ptr<FunctionPool> pool;
    bool log_tail = false;
    bool event_stream = false;  ///< the answer is to be one
  };
  Task<void> read_invoke(http::Connection& connection, std::string_view encoded_name, InvokeCall& call);
  Task<void> invoke_buffered(http::Connection& connection, std::string_view encoded_name);
  Task<void> invoke_streaming(http::Connection& connection, std::string_view encoded_name);

  const Parts parts_;
  bool draining_ = false;
};

}  // namespace kiln
