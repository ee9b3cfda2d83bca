// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "runtime-api/server/async/pollable.hpp"

namespace kiln {
namespace {

// Of what the kernel has ready, in one call: enough for a burst, and nobody waits long for a timer or a posted callback.
constexpr std::size_t most_at_once = 128;

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

}  // namespace

struct EventLoop::Impl {
  explicit Impl(ErrorReport r)
      : report(std::move(r)),
        epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        wake_up(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;  // each write is an edge, so it need not be read
    checked(::epoll_ctl(epoll, EPOLL_CTL_ADD, wake_up, &event), "epoll_ctl");
  }
  ~Impl() {
    // What callbacks hold may leave the set, cancel its timers, and post once more.
    while (!local.empty() || !remote.empty()) {
      const auto here = std::exchange(local, {});
      const auto there = std::exchange(remote, {});
    }
    ::close(wake_up);
    ::close(epoll);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // --- timers ----------------------------------------------------------------------------------------------------------

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

  /// Calls what is due at `now`. One look at the clock: what a callback arms anew waits its turn, so that descriptors get
  /// theirs. Returns whether there was anything.
  bool fire(Deadline now) {
    bool fired = false;
    while (!heap.empty() && !(now < heap.front()->deadline_)) {
      Timer* const due = heap.front();
      remove(due);
      fired = true;
      const auto callback = std::move(due->callback_);
      callback();
    }
    return fired;
  }

  /// Milliseconds to the earliest deadline, rounded up so that no timer is early; -1 where there is none.
  int time_left(Deadline now) const {
    if (heap.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(heap.front()->deadline_.at() - now.at()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
  }

  // --- posted callbacks ------------------------------------------------------------------------------------------------

  void post(std::function<void()> callback) {
    if (std::this_thread::get_id() == owner.load(std::memory_order_relaxed)) {
      local.push_back(std::move(callback));
      return;
    }
    {
      const std::lock_guard lock(mutex);
      remote.push_back(std::move(callback));
      if (std::exchange(woken, true)) return;
    }
    wake();
  }

  void wake() const {
    const std::uint64_t one = 1;
    while (::write(wake_up, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void take_remote() {
    const std::lock_guard lock(mutex);
    woken = false;
    std::move(remote.begin(), remote.end(), std::back_inserter(local));
    remote.clear();
  }

  /// Those that are there now; what they post waits for the next turn. One that throws leaves the others in their places.
  void run_posted() {
    for (std::size_t left = local.size(); left > 0; --left) {
      const auto callback = std::move(local.front());
      local.pop_front();
      callback();
    }
  }

  // --- descriptors -----------------------------------------------------------------------------------------------------

  void forget(const Pollable* gone) {
    for (std::size_t i = next; i < count; ++i) {
      if (ready[i].data.ptr == gone) ready[i].data.ptr = nullptr;
    }
  }

  void call_again() {
    for (std::size_t left = again.size(); left > 0 && !again.empty(); --left) {
      Pollable* const pollable = again.front();
      again.pop_front();
      pollable->again_ = false;
      pollable->on_events(0);
    }
  }

  void dispatch() {
    while (next < count) {
      const epoll_event event = ready[next++];
      if (event.data.ptr) static_cast<Pollable*>(event.data.ptr)->on_events(event.events);
    }
  }

  void wait(int timeout_ms) {
    next = count = 0;
    const int n = ::epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), timeout_ms);
    if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
    count = n > 0 ? static_cast<std::size_t>(n) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (ready[i].data.ptr == nullptr) remote_posted = true;
    }
  }

  /// Descriptors first: an exception on an earlier turn may have left some that the kernel will not tell of again.
  void turn() {
    dispatch();
    if (std::exchange(remote_posted, false)) take_remote();
    run_posted();
    call_again();
    int timeout_ms = -1;
    if (!heap.empty()) {
      const Deadline now{Deadline::Clock::now()};
      timeout_ms = fire(now) ? 0 : time_left(now);
    }
    const bool busy = !local.empty() || !again.empty() || stopping.load(std::memory_order_relaxed);
    wait(busy ? 0 : timeout_ms);
  }

  std::vector<Timer*> heap;
  std::deque<Pollable*> again;
  std::array<epoll_event, most_at_once> ready{};
  std::size_t next = 0;  // of `ready`, to be told
  std::size_t count = 0;
  bool remote_posted = true;  // what was posted before the first turn counts too
  ErrorReport report;
  int epoll;
  int wake_up;
  std::atomic<std::thread::id> owner;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  bool woken = false;                         // guarded by mutex
  std::vector<std::function<void()>> remote;  // guarded by mutex
  std::deque<std::function<void()>> local;
};

EventLoop::EventLoop(ErrorReport report) : impl_(std::make_unique<Impl>(std::move(report))) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  impl_->owner.store(std::this_thread::get_id(), std::memory_order_relaxed);
  while (!impl_->stopping.load()) {
    try {
      impl_->turn();
    } catch (...) {
      report("event loop", std::current_exception());
    }
  }
  impl_->stopping.store(false);  // here and not in front: a stop that came early must count
  impl_->owner.store({}, std::memory_order_relaxed);
}

void EventLoop::stop() {
  impl_->stopping.store(true);
  impl_->wake();
}

void EventLoop::post(std::function<void()> callback) { impl_->post(std::move(callback)); }

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

// --- Pollable ----------------------------------------------------------------------------------------------------------

void Pollable::watch(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = this;
  checked(::epoll_ctl(loop_.impl_->epoll, watched_ < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event), "epoll_ctl");
  watched_ = fd;
}

void Pollable::forget() {
  EventLoop::Impl& loop = *loop_.impl_;
  if (std::exchange(again_, false)) std::erase(loop.again, this);
  if (watched_ < 0) return;
  ::epoll_ctl(loop.epoll, EPOLL_CTL_DEL, watched_, nullptr);
  watched_ = -1;
  loop.forget(this);
}

void Pollable::call_again() {
  if (std::exchange(again_, true)) return;
  loop_.impl_->again.push_back(this);
}

// --- Timer -------------------------------------------------------------------------------------------------------------

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
