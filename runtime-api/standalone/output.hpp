// SPDX-License-Identifier: Apache-2.0
// The function's log on the container's stdout, whole lines in their order, written by a thread of its own: a reader that is
// slow must not stall the calls. Lines of a moment are written at once: to wake that thread costs as much as half a call.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/control-server/telemetry/log_store.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln::standalone {

/// Data-plane thread only.
class Output {
 public:
  /// Follows the log of `function`. `writer` must have one thread, and outlive this.
  Output(EventLoop& loop, LogStore& logs, WorkerPool& writer, const std::string& function);
  /// Hands over what waits.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

 private:
  void write(std::string_view text);
  void hand_over();

  WorkerPool& writer_;
  Timer timer_;
  std::string pending_;  // lines until the timer hands them over
  /// Bytes handed over and not written; shared with the writer, which may still write when this has gone.
  std::shared_ptr<std::atomic<std::size_t>> waiting_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::size_t dropped_ = 0;
  LogSubscription subscription_;  // last: ended first
};

}  // namespace kiln::standalone
