// SPDX-License-Identifier: Apache-2.0
// The invoker of InvokeWithResponseStream as one who takes a response in parts: each is a PayloadChunk of the event stream,
// and InvokeComplete, which says how the invocation ended, is the last event (service model).
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/server/http/connection.hpp"

namespace kiln {

/// Data-plane thread only. `connection` holds the invoker's request.
class EventStreamAnswer final : public StreamingInvoker {
 public:
  EventStreamAnswer(http::Connection& connection, std::string request_id)
      : connection_(connection), request_id_(std::move(request_id)) {}

  bool takes_parts(const ResponseHead&) const override { return true; }
  void dispatched(const std::string& executed_version, const InvocationTimes& times) override;
  void begin(const ResponseHead& head) override;
  Task<bool> write(std::string_view part) override;

  /// The last event, behind what has not come in parts.
  Task<void> finish(const InvocationAnswer& answer);

 private:
  void start();

  http::Connection& connection_;
  const std::string request_id_;
  std::string executed_version_;
  bool begun_ = false;
};

}  // namespace kiln
