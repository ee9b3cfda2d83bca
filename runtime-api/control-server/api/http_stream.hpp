// SPDX-License-Identifier: Apache-2.0
// The client of an HTTP trigger as one who takes a response in parts: chunked, headed by the prelude where there is one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/control-server/api/http_prelude.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// Data-plane thread only. `connection` holds the client's request.
class HttpStream final : public StreamingInvoker {
 public:
  HttpStream(http::Connection& connection, std::string request_id)
      : connection_(connection), request_id_(std::move(request_id)) {}

  bool takes_parts(const ResponseHead& head) const override;
  void dispatched(const std::string& executed_version, const InvocationTimes& times) override;
  void begin(const ResponseHead& head) override;
  Task<bool> write(std::string_view part) override;

  /// Whether the answer is this one's to give: the response has begun to come in parts.
  bool begun() const { return state_ != State::waiting; }
  /// Ends the answer: well, or cut off where the function failed in the middle.
  Task<void> finish(const InvocationResult& result);

 private:
  enum class State { waiting, prelude, body, refused };

  void start(const http::ApiResponse& head);
  Task<void> refuse();

  http::Connection& connection_;
  const std::string request_id_;
  HttpPrelude prelude_;
  State state_ = State::waiting;
  InvocationTimes times_;
  Deadline::Clock::time_point dispatched_at_;
};

}  // namespace kiln
