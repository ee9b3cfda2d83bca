// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/shutdown.hpp"

#include <utility>

#include "runtime-api/protocol/limits.hpp"

namespace kiln {

using namespace std::chrono_literals;

Task<void> Shutdown::run() {
  functions_.drain();
  public_.stop_accepting();
  co_await until([this] { return public_.active() == 0; }, limit_);
  functions_.retire();
  co_await until(functions_.are_gone, limits::shutdown_timeout + 1s);
  functions_.kill();
  public_.close_connections();
  const std::chrono::milliseconds end_limit = 2s + functions_.end_limit();
  co_await until([this] { return functions_.are_gone() && public_.open_connections() == 0; }, end_limit);
  operations_.stop_accepting();
  operations_.close_connections();
  co_await until([this] { return operations_.open_connections() == 0; }, 1s);
  loop_.stop();
}

/// The parts that end here say so to nobody; a look every few milliseconds, once in a server's life, is simpler.
Task<void> Shutdown::until(std::function<bool()> condition, std::chrono::milliseconds limit) {
  const Deadline deadline = Deadline::after(limit);
  while (!condition() && !deadline.passed()) co_await sleep_until(loop_, Deadline::after(5ms));
}

}  // namespace kiln
