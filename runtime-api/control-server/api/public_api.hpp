// SPDX-License-Identifier: Apache-2.0
// The public listener's API: one request in, one answer out. Which family of paths a request belongs to is decided in
// public_api.cpp; each family has a file of its own. Data-plane thread only.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/control-server/api/functions.hpp"
#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/control-server/instances/router.hpp"
#include "runtime-api/control-server/telemetry/log_store.hpp"
#include "runtime-api/control-server/telemetry/metrics.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/async/worker_pool.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

class PublicApi {
 public:
  /// Everything it refers to must outlive it.
  struct Parts {
    EventLoop& loop;
    Router& router;
    ManagementApi& management;
    WorkerPool& workers;
    LogStore& logs;
    Metrics& metrics;
    AccountSettings account;
  };
  explicit PublicApi(Parts parts) : parts_(std::move(parts)) {}

  /// Answers the request that `connection` holds.
  Task<void> handle(http::Connection& connection);

  /// From now on every request is refused with 503 and its connection closed.
  void drain() {
    draining_ = true;
    wake_feeds();
  }
  bool draining() const { return draining_; }

 private:
  struct Feed;

  // invoke.cpp
  struct InvokeCall {
    Invocation invocation;
    std::shared_ptr<FunctionPool> pool;
    bool log_tail = false;
    bool event_stream = false;  ///< the answer is to be one
  };
  Task<void> read_invoke(http::Connection& connection, std::string_view encoded_name, InvokeCall& call);
  Task<void> invoke_streaming(http::Connection& connection, std::string_view encoded_name);
  Task<void> invoke(http::Connection& connection, std::string_view encoded_name);
  // trigger.cpp
  Task<void> trigger(http::Connection& connection);
  // function_views.cpp
  Task<void> function_view(http::Connection& connection, std::string_view rest);
  Task<void> logs(http::Connection& connection, const std::string& name);
  Task<void> follow_logs(http::Connection& connection, const std::string& name, const LogQuery& query);
  void wake_feeds();
  Task<void> instances(http::Connection& connection, const std::string& name);

  Task<void> management(http::Connection& connection);
  Task<void> send(http::Connection& connection, const http::ApiResponse& answer, std::string_view request_id = {});
  Task<void> refuse(http::Connection& connection, const ServiceError& error, std::string_view request_id = {});
  /// Answers a body that could not be read: too large in the operation's words, else 400 and the end of the connection.
  Task<void> refuse_body(http::Connection& connection, http::BodyStatus status, std::size_t limit,
                         std::string_view operation);
  Task<void> refuse_throttled(http::Connection& connection, const Throttled& throttled, std::string_view request_id);

  const Parts parts_;
  std::list<std::shared_ptr<Feed>> feeds_;  // followers of logs
  bool draining_ = false;
};

}  // namespace kiln
