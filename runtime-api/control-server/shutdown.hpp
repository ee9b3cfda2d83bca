// SPDX-License-Identifier: Apache-2.0
// How a server ends: in steps, each with its limit. Data-plane thread only.
#pragma once

#include <chrono>
#include <functional>

#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/http_server.hpp"

namespace kiln {

class Shutdown {
 public:
  /// What ends besides the listeners.
  struct Functions {
    std::function<void()> drain;     ///< from now on answers close their connections
    std::function<void()> retire;    ///< idle instances stop, busy ones once they are idle
    std::function<void()> kill;      ///< what is left is killed
    std::function<bool()> are_gone;  ///< whether nothing is left
    /// How long what was killed may take to go, beyond the usual.
    std::function<std::chrono::milliseconds()> end_limit = [] { return std::chrono::milliseconds(0); };
  };
  /// Everything referred to must outlive `run`. `limit`: for the calls under way.
  Shutdown(EventLoop& loop, http::HttpServer& listener, http::HttpServer& operations, Functions functions,
           std::chrono::seconds limit)
      : loop_(loop), public_(listener), operations_(operations), functions_(std::move(functions)), limit_(limit) {}

  /// No new calls, the calls under way, the instances, the connections; then the loop is stopped. Once.
  Task<void> run();

 private:
  Task<void> until(std::function<bool()> condition, std::chrono::milliseconds limit);

  EventLoop& loop_;
  http::HttpServer& public_;
  http::HttpServer& operations_;
  const Functions functions_;
  const std::chrono::seconds limit_;
};

}  // namespace kiln
