// SPDX-License-Identifier: Apache-2.0
// Says when somebody else's descriptor has something to read, or has been hung up. Data-plane thread only.
#pragma once

#include <sys/epoll.h>

#include <functional>
#include <utility>

#include "runtime-api/server/async/pollable.hpp"

namespace kiln {

class DescriptorWatch final : private Pollable {
 public:
  /// `on_readable` is called for each change, so it must take all there is; it may destroy this object. `fd` must stay open
  /// as long as this lives.
  DescriptorWatch(EventLoop& loop, int fd, std::function<void()> on_readable)
      : Pollable(loop), on_readable_(std::move(on_readable)) {
    watch(fd, EPOLLIN);
  }

 private:
  void on_events(std::uint32_t) override {
    const auto call = on_readable_;  // which may go with this object
    call();
  }

  const std::function<void()> on_readable_;
};

}  // namespace kiln
