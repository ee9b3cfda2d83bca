// SPDX-License-Identifier: Apache-2.0
// A runtime that somebody else has started and that has connected to its function's listener: its connection is all there
// is of it. Data-plane thread only.
#pragma once

#include <memory>
#include <vector>

#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

class ConnectedRuntime final : public LaunchedInstance {
 public:
  /// `connection`: accepted, non-blocking. Sees to it that a peer whose machine has gone is noticed (TCP keep-alive).
  ConnectedRuntime(EventLoop& loop, Descriptor connection);

  int pid() const override { return 0; }
  Deadline::Clock::time_point executed_at() const override { return connected_at_; }
  /// Whatever is said to it, it can only be let go: it sees the end of its connection.
  void signal(int signal_number) override;
  Completion<ExitStatus>& exited() override { return *exited_; }
  long peak_memory_kib() const override { return 0; }
  bool is_its_connection() const override { return true; }
  int take_log() override { return -1; }
  std::vector<Descriptor> take_channels() override;
  int take_listener() override { return -1; }

 private:
  EventLoop& loop_;
  const Deadline::Clock::time_point connected_at_ = Deadline::Clock::now();
  Descriptor connection_;  // the channel, until it is taken
  Descriptor to_end_it_;   // the same, for signal()
  bool gone_ = false;
  const std::shared_ptr<Completion<ExitStatus>> exited_ = std::make_shared<Completion<ExitStatus>>();
};

}  // namespace kiln
