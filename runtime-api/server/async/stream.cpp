// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/stream.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace kiln {
namespace {

constexpr std::uint32_t input_events = EPOLLIN | EPOLLRDHUP;
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

Stream::Stream(EventLoop& loop, int fd) : Pollable(loop), fd_(fd) {
  try {
    watch(fd, input_events);
  } catch (...) {
    ::close(fd);
    throw;
  }
}

Stream::~Stream() {
  on_gone_ = nullptr;
  reader_ = {};
  writer_ = {};
  if (destroyed_) *destroyed_ = true;
  close();
}

// --- at once -----------------------------------------------------------------------------------------------------------

ReadResult Stream::read_now(std::span<char> into) {
  ReadResult result;
  if (!is_open()) {
    result.end = true;
    return result;
  }
  ssize_t n = 0;
  do {
    n = ::read(fd_, into.data(), into.size());
  } while (n < 0 && errno == EINTR);
  // A short read has emptied it: what comes later is told anew (epoll(7), "edge-triggered").
  if (n < static_cast<ssize_t>(into.size())) readable_ = false;
  if (n > 0) {
    result.bytes = static_cast<std::size_t>(n);
  } else if (n == 0) {
    result.end = true;
    gone_ = true;
  } else if (errno == EAGAIN) {
    result.would_block = true;
  } else {
    result.error = std::error_code(errno, std::generic_category());
    gone_ = true;
  }
  return result;
}

std::size_t Stream::write_now(std::string_view first, std::string_view second, std::string_view third,
                              std::error_code& error) {
  if (!is_open()) {
    error = std::make_error_code(std::errc::broken_pipe);
    return 0;
  }
  const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
  std::array<iovec, 3> parts{part(first), part(second), part(third)};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = !third.empty() ? 3 : second.empty() ? 1 : 2;
  ssize_t n = 0;
  do {
    n = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  full_ = n < static_cast<ssize_t>(first.size() + second.size() + third.size());
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN) error = std::error_code(errno, std::generic_category());
  return 0;
}

// --- waiting -----------------------------------------------------------------------------------------------------------

/// Knows, to its end, whether somebody who was woken has destroyed the stream.
class Stream::Survival {
 public:
  explicit Survival(Stream& stream) : stream_(stream), outer_(std::exchange(stream.destroyed_, &destroyed_)) {}
  ~Survival() {
    if (!destroyed_) {
      stream_.destroyed_ = outer_;
    } else if (outer_) {
      *outer_ = true;
    }
  }
  Survival(const Survival&) = delete;
  Survival& operator=(const Survival&) = delete;
  bool destroyed() const { return destroyed_; }

 private:
  Stream& stream_;
  bool destroyed_ = false;
  bool* const outer_;
};

void Stream::on_events(std::uint32_t events) {
  if (events & EPOLLIN) readable_ = true;
  if (events & EPOLLOUT) full_ = false;
  if (events & end_events) gone_ = true;
  const Survival survival(*this);
  if (reader_ && (has_input() || interrupted_)) {
    std::exchange(reader_, {}).resume();
  } else if (gone_ && on_gone_ && !reader_) {
    std::exchange(on_gone_, nullptr)();
  }
  if (survival.destroyed()) return;
  if (writer_ && (events & (EPOLLOUT | end_events) || interrupted_)) {
    std::exchange(writer_, {}).resume();
  } else if (events & EPOLLOUT && !writer_ && is_open()) {
    // A Unix socket tells of room each time its peer reads.
    listen_for_room(false);
  }
}

void Stream::listen_for_room(bool wanted) {
  hears_of_room_ = wanted;
  watch(fd_, wanted ? input_events | EPOLLOUT : input_events);
}

/// What is known to be there wakes the reader on the loop's next turn, so that others get theirs.
void Stream::wait_readable(std::coroutine_handle<> waiting) {
  interrupted_ = !is_open();
  reader_ = waiting;
  if (has_input() || interrupted_) call_again();
}

void Stream::wait_writable(std::coroutine_handle<> waiting) {
  interrupted_ = !is_open();
  writer_ = waiting;
  if (interrupted_) return call_again();
  // Entering makes the kernel look; from then on a write that did not fit is followed by an edge.
  if (!hears_of_room_ || !full_) listen_for_room(true);
}

void Stream::watch_peer(std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  if (on_gone_ && gone_) call_again();
}

void Stream::interrupt() {
  interrupted_ = true;
  const Survival survival(*this);
  if (reader_) std::exchange(reader_, {}).resume();
  if (!survival.destroyed() && writer_) std::exchange(writer_, {}).resume();
}

void Stream::close() {
  if (!is_open()) return;
  forget();
  ::close(std::exchange(fd_, -1));
  const auto on_gone = std::exchange(on_gone_, nullptr);
  interrupt();
  if (on_gone) on_gone();
}

void Stream::reset_on_close() {
  if (!is_open()) return;
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Stream::shutdown_send() {
  if (is_open()) ::shutdown(fd_, SHUT_WR);
}

}  // namespace kiln
