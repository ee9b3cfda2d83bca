// SPDX-License-Identifier: Apache-2.0
// The public listener's API: one request in, one answer out. Which family of paths a request belongs to is decided in
// public_api.cpp; each family has a file of its own. Data-plane thread only.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/control-server/api/functions.hpp"
#include "runtime-api/control-server/api/invocation_api.hpp"
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
  explicit PublicApi(const Parts& parts);

  /// Answers the request that `connection` holds.
  Task<void> handle(http::Connection& connection);

  /// From now on every request is refused with 503 and its connection closed.
  void drain() {
    invocations_.drain();
    wake_feeds();
  }
  bool draining() const { return invocations_.draining(); }

 private:
  struct Feed;

  Task<void> trigger(http::Connection& connection);
  // function_views.cpp
  Task<void> function_view(http::Connection& connection, std::string_view rest);
  Task<void> logs(http::Connection& connection, const std::string& name);
  Task<void> follow_logs(http::Connection& connection, const std::string& name, const LogQuery& query);
  void wake_feeds();
  Task<void> instances(http::Connection& connection, const std::string& name);

  Task<void> management(http::Connection& connection);
  const Parts parts_;
  std::list<std::shared_ptr<Feed>> feeds_;  // followers of logs
  InvocationApi invocations_;
};

}  // namespace kiln
