// SPDX-License-Identifier: Apache-2.0
// One value that somebody else will provide: the rendezvous of two coroutines on the data-plane thread.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

namespace kiln {

/// At most one waiter and one value. The first `set` wins, later ones are ignored: crash, timeout, disconnect and answer
/// may all arrive, and the waiter sees exactly one of them. Data-plane thread only.
template <class T>
class Completion {
 public:
  Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  bool is_set() const { return value_.has_value(); }

  /// Provides the value and resumes the waiter before returning, if there is one. The waiter may destroy this object, so
  /// the caller must not touch it afterwards. Returns false where a value was there already.
  bool set(T value) {
    if (value_) return false;
    value_.emplace(std::move(value));
    if (const auto waiting = std::exchange(waiter_, {})) waiting.resume();
    return true;
  }

  auto operator co_await() noexcept {
    struct Awaiter {
      Completion& completion;
      bool await_ready() const noexcept { return completion.value_.has_value(); }
      void await_suspend(std::coroutine_handle<> waiting) const noexcept { completion.waiter_ = waiting; }
      T await_resume() const { return std::move(*completion.value_); }
    };
    return Awaiter{*this};
  }

 private:
  std::optional<T> value_;
  std::coroutine_handle<> waiter_;
};

}  // namespace kiln
