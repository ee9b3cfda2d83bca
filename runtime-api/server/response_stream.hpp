// SPDX-License-Identifier: Apache-2.0
// A response on its way from a runtime to an invoker in parts. Nothing is kept of it: a part is a view of what was read from
// the runtime's socket, and the next one is read once the invoker has taken it. So a slow invoker slows the runtime.
#pragma once

#include <coroutine>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// What is known of a response before its body.
struct ResponseHead {
  std::string content_type = "application/json";
  bool streaming = false;  ///< the runtime said so (Lambda-Runtime-Function-Response-Mode)
};

/// An invoker that can take a response in parts. Data-plane thread only.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Whether such a response is to come in parts. One that is not is read to its end, and becomes a Success.
  virtual bool takes_parts(const ResponseHead& head) const = 0;
  /// The first part is there, or the end of an empty body. Called at most once, in front of every write.
  virtual void begin(const ResponseHead& head) = 0;
  /// Takes one part; waits while the invoker is slow. False: the invoker is gone.
  virtual Task<bool> write(std::string_view part) = 0;
};

/// The rendezvous of one writer, the runtime's connection, and one reader, the invocation. Shared by the two, of which
/// either may end first. Data-plane thread only.
class ResponseStream {
 public:
  ResponseStream() = default;
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// Hands over `part` (not empty), and returns once the reader is done with it. False: the invocation is over, and
  /// nobody takes any more.
  Task<bool> write(std::string_view part);
  /// The next part, valid until the following read; empty once the stream is over. Parts written before the end come first.
  Task<std::string_view> read();
  /// Ends the stream, with what became of the invocation. The first end counts. The reader may go on before this returns.
  void close(InvocationResult result);
  bool closed() const { return closed_; }
  /// Once `read` has given nothing.
  InvocationResult take_result() { return std::move(result_); }

 private:
  /// One coroutine that waits here until somebody wakes it.
  class Wait {
   public:
    explicit Wait(std::coroutine_handle<>& place) : place_(place) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const noexcept { place_ = waiting; }
    void await_resume() const noexcept {}

   private:
    std::coroutine_handle<>& place_;
  };
  static void wake(std::coroutine_handle<>& place) {
    if (const auto waiting = std::exchange(place, {})) waiting.resume();
  }

  std::string_view part_;
  bool taken_ = false;  // the reader has part_, and has not come back
  bool closed_ = false;
  InvocationResult result_;
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
};

}  // namespace kiln
