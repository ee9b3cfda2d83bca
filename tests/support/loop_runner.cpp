// SPDX-License-Identifier: Apache-2.0
#include "tests/support/loop_runner.hpp"

#include <exception>
#include <stdexcept>

namespace kiln::test {

LoopRunner::LoopRunner()
    : loop_([this](std::string_view where, std::string_view what) {
        reports_.push_back(std::string(where) + ": " + std::string(what));
      }) {}

namespace {

Task<void> run_and_stop(EventLoop& loop, Task<void> task, std::exception_ptr& error) {
  try {
    co_await std::move(task);
  } catch (...) {
    error = std::current_exception();
  }
  loop.stop();
}

}  // namespace

void LoopRunner::run(Task<void> task) {
  std::exception_ptr error;
  bool late = false;
  Timer watchdog(loop_);
  watchdog.arm(Deadline::after(patience), [&] {
    late = true;
    loop_.stop();
  });
  loop_.spawn(run_and_stop(loop_, std::move(task), error), "test");
  loop_.run();
  if (late) throw std::runtime_error("the task has not ended in time");
  if (error) std::rethrow_exception(error);
}

LoopThread::LoopThread()
    : loop_([this](std::string_view where, std::string_view what) {
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::string(where) + ": " + std::string(what));
      }),
      thread_([this] { loop_.run(); }) {}

LoopThread::~LoopThread() {
  loop_.stop();
  thread_.join();
}

std::vector<std::string> LoopThread::reports() const {
  const std::lock_guard lock(mutex_);
  return reports_;
}

bool LoopThread::wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  std::promise<bool> promise;
  const Deadline deadline = Deadline::after(limit);
  Timer again(loop_);
  // Asked anew each millisecond: a condition of the server's inside has no one to announce it.
  std::function<void()> ask = [&] {
    if (condition()) return promise.set_value(true);
    if (deadline.passed()) return promise.set_value(false);
    again.arm(Deadline::after(std::chrono::milliseconds(1)), ask);
  };
  loop_.post(ask);
  return promise.get_future().get();
}

}  // namespace kiln::test
