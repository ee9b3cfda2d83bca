// SPDX-License-Identifier: Apache-2.0
// The function's log on the container's stdout, whole lines in their order, made and written by a thread of its own: neither
// lines nor a slow reader may stall the calls.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "runtime-api/control-server/telemetry/log_ring.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln::standalone {

/// Data-plane thread only.
class Output {
 public:
  /// `writer` must have one thread, and outlive this.
  explicit Output(WorkerPool& writer) : writer_(writer) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// A sink of LogStore's. Drops what comes while too much waits, and says so in the output.
  void write(std::vector<LogSlice> slices);

 private:
  WorkerPool& writer_;
  /// Bytes of events handed over and not written; shared with the writer, which may still write when this has gone.
  std::shared_ptr<std::atomic<std::size_t>> waiting_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::size_t dropped_ = 0;
};

}  // namespace kiln::standalone
