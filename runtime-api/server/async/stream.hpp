// SPDX-License-Identifier: Apache-2.0
// A connected socket or a pipe end of the data plane: non-blocking reads and writes at once, waiting only when the kernel
// says so. Data-plane thread only.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <system_error>

#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/pollable.hpp"

namespace kiln {

struct ReadResult {
  std::size_t bytes = 0;
  bool end = false;          ///< the peer has closed its side
  bool would_block = false;  ///< nothing there yet
  std::error_code error;
  bool usable() const { return !end && !error; }
};

/// Owns the descriptor. May be destroyed only when no coroutine waits on it: `close` wakes the waiter, who then leaves.
class Stream final : private Pollable {
 public:
  /// Takes ownership of `fd`, which must be non-blocking, and closes it where it cannot be watched (std::system_error).
  Stream(EventLoop& loop, int fd);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  EventLoop& loop() const { return Pollable::loop(); }

  /// Reads what is there, never waits.
  ReadResult read_now(std::span<char> into);
  /// Writes what fits of the three, never waits; sockets only. Returns the bytes written; `error` is set where the peer is
  /// gone.
  std::size_t write_now(std::string_view first, std::string_view second, std::string_view third,
                        std::error_code& error);
  std::size_t write_now(std::string_view first, std::string_view second, std::error_code& error) {
    return write_now(first, second, {}, error);
  }

  /// `co_await` continues when there is something to read (data, end or error: the next read tells, or now and then that
  /// somebody was faster), or when `interrupt` or `close` is called. Returns false where it was interrupted.
  auto readable() { return WaitReadable(*this); }
  /// The same for writing.
  auto writable() { return WaitWritable(*this); }

  /// Sockets only. Calls `on_gone` once if the peer closes or resets, be there data in front of its end or not, while no
  /// coroutine waits in `readable`; or if `close` is called. Replaces an earlier watch; nullptr ends it.
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
  // No aggregate: g++ 12 lays out the frame of a coroutine wrongly that awaits one made for the purpose.
  class WaitReadable {
   public:
    explicit WaitReadable(Stream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { stream_.wait_readable(waiting); }
    bool await_resume() const noexcept { return !stream_.interrupted_; }

   private:
    Stream& stream_;
  };
  class WaitWritable {
   public:
    explicit WaitWritable(Stream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { stream_.wait_writable(waiting); }
    bool await_resume() const noexcept { return !stream_.interrupted_; }

   private:
    Stream& stream_;
  };

  class Survival;

  /// Whoever is resumed here may destroy the stream.
  void on_events(std::uint32_t events) override;
  bool has_input() const { return readable_ || gone_; }
  void wait_readable(std::coroutine_handle<> waiting);
  void wait_writable(std::coroutine_handle<> waiting);
  void listen_for_room(bool wanted);

  int fd_;  // -1 once it is closed
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
  std::function<void()> on_gone_;
  bool* destroyed_ = nullptr;  // for those who are waking others
  bool readable_ = false;      // no read has come back short since the kernel last told of data
  bool gone_ = false;          // the peer has ended its side, or the connection is broken
  bool full_ = false;          // the last write did not fit, and the kernel has told of no room since
  bool interrupted_ = false;
  bool hears_of_room_ = false;
};

}  // namespace kiln
