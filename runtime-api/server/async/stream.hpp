// SPDX-License-Identifier: Apache-2.0
// A connected socket or a pipe end of the data plane: non-blocking reads and writes at once, waiting only when the kernel
// says so. Data-plane thread only.
#pragma once

#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "runtime-api/server/async/event_loop.hpp"

namespace kiln {

struct ReadResult {
  std::size_t bytes = 0;
  bool end = false;          ///< the peer has closed its side
  bool would_block = false;  ///< nothing there yet
  std::error_code error;
  bool usable() const { return !end && !error; }
};

/// Owns the descriptor. May be destroyed only when no coroutine waits on it: `close` wakes the waiter, who then leaves.
class Stream {
 public:
  /// Takes ownership of `fd`, which must be non-blocking.
  Stream(EventLoop& loop, int fd);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const;
  bool is_open() const;
  EventLoop& loop() const;

  /// Reads what is there, never waits. While a coroutine waits in `readable`, or a peer is watched, a socket has nothing for
  /// anybody else (`would_block`): its next bytes may be on their way to those. A pipe may be read meanwhile.
  ReadResult read_now(std::span<char> into);
  /// Writes what fits of the three, never waits; sockets only. Returns the bytes written; `error` is set where the peer is
  /// gone.
  std::size_t write_now(std::string_view first, std::string_view second, std::string_view third,
                        std::error_code& error);
  std::size_t write_now(std::string_view first, std::string_view second, std::error_code& error) {
    return write_now(first, second, {}, error);
  }

  /// `co_await` continues when there is something to read (data, end or error: the next read tells), or when `interrupt`
  /// or `close` is called. Returns false where it was interrupted.
  auto readable() { return WaitReadable(*this); }
  /// The same for writing.
  auto writable() { return WaitWritable(*this); }

  /// Sockets only. Calls `on_gone` once if the peer closes or resets while no coroutine waits in `readable`, or if `close` is called.
  /// Data that arrives meanwhile stays unread, and hides the peer's end behind it. Replaces an earlier watch; nullptr ends
  /// it.
  void watch_peer(std::function<void()> on_gone);

  /// Wakes whoever waits, with false; a deadline uses it.
  void interrupt();
  /// Closes the descriptor, interrupts, and ends the watch as if the peer had gone. May be called more than once.
  void close();
  /// Makes `close` reset the connection, so that the peer cannot take it for a good end.
  void reset_on_close();
  /// Ends sending, so that the peer sees the end of the stream.
  void shutdown_send();

 private:
  struct Impl;
  // No aggregate: g++ 12 lays out the frame of a coroutine wrongly that awaits one made for the purpose.
  class WaitReadable {
   public:
    explicit WaitReadable(Stream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { stream_.wait_readable(waiting); }
    bool await_resume() const noexcept { return !stream_.interrupted(); }

   private:
    Stream& stream_;
  };
  class WaitWritable {
   public:
    explicit WaitWritable(Stream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { stream_.wait_writable(waiting); }
    bool await_resume() const noexcept { return !stream_.interrupted(); }

   private:
    Stream& stream_;
  };

  void wait_readable(std::coroutine_handle<> waiting);
  void wait_writable(std::coroutine_handle<> waiting);
  bool interrupted() const;

  std::shared_ptr<Impl> impl_;
};

}  // namespace kiln
