// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/event_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace kiln {

namespace asio = boost::asio;

/// A binary heap of timers in front of one Asio timer. Cancelling leaves the Asio timer as it is: it then fires early
/// once and is armed again, which is rarer than the two system calls an exact re-arming would cost each invocation.
struct EventLoop::Impl {
  // UNSAFE_IO: only this thread touches descriptors, but other threads post.
  explicit Impl(ErrorReport r)
      : report(std::move(r)),
        context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
        alarm(context),
        work(context.get_executor()) {}

  void place(std::size_t at, Timer* timer) {
    heap[at] = timer;
    timer->index_ = at;
  }

  void sift_up(std::size_t at) {
    Timer* const moving = heap[at];
    while (at > 0) {
      const std::size_t parent = (at - 1) / 2;
      if (!(moving->deadline_ < heap[parent]->deadline_)) break;
      place(at, heap[parent]);
      at = parent;
    }
    place(at, moving);
  }

  void sift_down(std::size_t at) {
    Timer* const moving = heap[at];
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap.size()) break;
      if (child + 1 < heap.size() && heap[child + 1]->deadline_ < heap[child]->deadline_) ++child;
      if (!(heap[child]->deadline_ < moving->deadline_)) break;
      place(at, heap[child]);
      at = child;
    }
    place(at, moving);
  }

  void insert(Timer* timer) {
    heap.push_back(timer);
    timer->index_ = heap.size() - 1;
    sift_up(heap.size() - 1);
    if (!firing && heap.front() == timer && (!alarm_at || timer->deadline_ < *alarm_at)) set_alarm();
  }

  void remove(Timer* timer) {
    const std::size_t at = timer->index_;
    timer->index_ = Timer::npos;
    Timer* const last = heap.back();
    heap.pop_back();
    if (last == timer) return;
    place(at, last);
    sift_up(at);
    sift_down(last->index_);
  }

  void set_alarm() {
    alarm_at = heap.front()->deadline_;
    alarm.expires_at(alarm_at->at());
    alarm.async_wait([this](const boost::system::error_code& error) {
      if (!error) fire();
    });
  }

  void fire() {
    alarm_at.reset();
    firing = true;
    // An exception must not leave the queue without an alarm.
    struct Rearm {
      Impl& impl;
      ~Rearm() {
        impl.firing = false;
        if (!impl.heap.empty()) impl.set_alarm();
      }
    } rearm{*this};
    // One look at the clock: what a callback arms anew waits its turn, so that descriptors get theirs.
    const Deadline now{Deadline::Clock::now()};
    while (!heap.empty() && !(now < heap.front()->deadline_)) {
      Timer* const due = heap.front();
      remove(due);
      const auto callback = std::move(due->callback_);
      callback();
    }
  }

  // In front of the context: callbacks that never ran are destroyed with it, and may hold timers.
  std::vector<Timer*> heap;
  std::optional<Deadline> alarm_at;
  bool firing = false;
  ErrorReport report;
  asio::io_context context;
  asio::steady_timer alarm;
  asio::executor_work_guard<asio::io_context::executor_type> work;
};

EventLoop::EventLoop(ErrorReport report) : impl_(std::make_unique<Impl>(std::move(report))) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  for (;;) {
    try {
      impl_->context.run();
      impl_->context.restart();  // here and not before run(): a stop that came early must count
      return;
    } catch (...) {
      report("event loop", std::current_exception());
    }
  }
}

void EventLoop::stop() { impl_->context.stop(); }

void EventLoop::post(std::function<void()> callback) { asio::post(impl_->context, std::move(callback)); }

void EventLoop::spawn(Task<void> task, std::string_view where) {
  kiln::spawn(std::move(task), [this, where](const std::exception_ptr& error) { report(where, error); });
}

void EventLoop::report(std::string_view where, std::exception_ptr error) const noexcept {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const std::exception& e) {
    impl_->report(where, e.what());
  } catch (...) {
    impl_->report(where, "an exception of unknown type");
  }
}

boost::asio::io_context& EventLoop::context() { return impl_->context; }

void Timer::arm(Deadline deadline, std::function<void()> callback) {
  cancel();
  if (deadline.is_never()) return;
  deadline_ = deadline;
  callback_ = std::move(callback);
  loop_.impl_->insert(this);
}

void Timer::cancel() {
  if (!armed()) return;
  loop_.impl_->remove(this);
  // What the callback holds may be the last owner of this timer.
  const auto dropped = std::exchange(callback_, nullptr);
}

}  // namespace kiln
