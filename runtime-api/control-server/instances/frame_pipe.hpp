// SPDX-License-Identifier: Apache-2.0
// The pipe that a runtime finds at _LAMBDA_TELEMETRY_LOG_FD: its framed messages become events of the instance's log.
#pragma once

#include <functional>

#include "runtime-api/control-server/telemetry/instance_log.hpp"
#include "runtime-api/control-server/telemetry/log_frames.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/stream.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// Data-plane thread only.
class FramePipe {
 public:
  /// Takes ownership of `fd`, non-blocking, and reads from now on. `log` must outlive it. Once the pipe has ended, or was closed,
  /// `on_over` is called: nothing refers to it any more.
  FramePipe(EventLoop& loop, int fd, InstanceLog& log, std::function<void()> on_over);
  FramePipe(const FramePipe&) = delete;
  FramePipe& operator=(const FramePipe&) = delete;

  /// Takes what the pipe holds. What is not a frame is taken for output: nothing is lost of it.
  void drain();
  /// Nothing more is read. Says in the log how much of it was no frame.
  void close();

 private:
  Task<void> read();
  void finish();

  Stream stream_;
  InstanceLog& log_;
  LogFrames frames_;
  const std::function<void()> on_over_;
  bool finished_ = false;
};

}  // namespace kiln
