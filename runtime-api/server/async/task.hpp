// SPDX-License-Identifier: Apache-2.0
// Coroutines of the data plane. A Task starts when it is awaited, runs on the data-plane thread only, and hands control
// back directly, so that awaiting costs no trip through a queue. (Why not asio::awaitable: ADR 0002.)
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace kiln {

template <class T = void>
class Task;

namespace detail {

/// What to do with the end of a task that nobody awaits.
struct Detachment {
  virtual ~Detachment() = default;
  /// `error` is null where the task ended well. Must not throw.
  virtual void ended(std::exception_ptr error) noexcept = 0;
};

struct TaskPromiseBase {
  std::coroutine_handle<> continuation;
  std::exception_ptr exception;
  std::unique_ptr<Detachment> detachment;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      auto& promise = self.promise();
      if (promise.detachment) {
        const auto heir = std::move(promise.detachment);
        auto error = std::move(promise.exception);
        self.destroy();  // it owns itself
        heir->ended(std::move(error));
        return std::noop_coroutine();
      }
      return promise.continuation ? promise.continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

/// A lazily started coroutine; owns its frame. Await it exactly once.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle handle;
      bool await_ready() const noexcept { return false; }
      // Resumed by a call and not by symmetric transfer: g++ makes that a jump only where it optimises and no sanitizer
      // is on, so a peer that keeps us busy without a wait (pipelined requests, chunks of one byte) could else grow the
      // stack without end. This way its depth is that of the awaits, however many follow one another.
      bool await_suspend(std::coroutine_handle<> waiting) const {
        handle.resume();
        if (handle.done()) return false;
        handle.promise().continuation = waiting;
        return true;
      }
      T await_resume() const { return handle.promise().take(); }
    };
    return Awaiter{handle_};
  }

  /// Starts it and lets it own itself: its frame goes when it ends, and `detachment` hears of that.
  void detach(std::unique_ptr<detail::Detachment> detachment) && {
    const Handle handle = std::exchange(handle_, {});
    handle.promise().detachment = std::move(detachment);
    handle.resume();
  }

 private:
  Handle handle_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

template <class OnError>
class DetachedTo final : public Detachment {
 public:
  explicit DetachedTo(OnError on_error) : on_error_(std::move(on_error)) {}
  void ended(std::exception_ptr error) noexcept override {
    if (error) on_error_(std::move(error));
  }

 private:
  OnError on_error_;
};

}  // namespace detail

/// Runs `task` until it first waits, then lets it go on by itself. An exception that leaves it goes to
/// `on_error(std::exception_ptr)`, which must not throw: a failure ends one connection, never the server.
template <class OnError>
void spawn(Task<void> task, OnError on_error) {
  std::move(task).detach(std::make_unique<detail::DetachedTo<OnError>>(std::move(on_error)));
}

}  // namespace kiln
