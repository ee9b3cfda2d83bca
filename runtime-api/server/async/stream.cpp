// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <utility>

namespace kiln {

namespace asio = boost::asio;

/// Shared with the wait operations in flight, which outlive the Stream: a closed descriptor's waits complete later.
struct Stream::Impl : std::enable_shared_from_this<Stream::Impl> {
  Impl(EventLoop& l, int fd) : loop(l), descriptor(l.context(), fd) {}

  void start_read_wait() {
    if (read_outstanding || !descriptor.is_open()) return;
    read_outstanding = true;
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            self->read_outstanding = false;
                            if (!error) self->on_readable();  // else closed, and close() has resumed the waiter
                          });
  }

  void on_readable() {
    if (const auto waiting = std::exchange(reader, {})) {
      waiting.resume();
    } else if (on_gone) {
      check_peer();
    }
  }

  void check_peer() {
    char byte = 0;
    const ssize_t n = ::recv(descriptor.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) return;  // the next request, sent early: it waits its turn
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return start_read_wait();
    std::exchange(on_gone, nullptr)();
  }

  EventLoop& loop;
  asio::posix::stream_descriptor descriptor;
  std::coroutine_handle<> reader;
  std::coroutine_handle<> writer;
  std::function<void()> on_gone;
  bool read_outstanding = false;
  bool interrupted = false;
};

Stream::Stream(EventLoop& loop, int fd) : impl_(std::make_shared<Impl>(loop, fd)) {}

Stream::~Stream() {
  impl_->on_gone = nullptr;
  impl_->reader = {};
  impl_->writer = {};
  close();
}

int Stream::fd() const { return impl_->descriptor.native_handle(); }
bool Stream::is_open() const { return impl_->descriptor.is_open(); }
EventLoop& Stream::loop() const { return impl_->loop; }

ReadResult Stream::read_now(std::span<char> into) {
  ReadResult result;
  if (!is_open()) {
    result.end = true;
    return result;
  }
  ssize_t n = 0;
  do {
    n = ::read(fd(), into.data(), into.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    result.bytes = static_cast<std::size_t>(n);
  } else if (n == 0) {
    result.end = true;
  } else if (errno == EAGAIN) {
    result.would_block = true;
  } else {
    result.error = std::error_code(errno, std::generic_category());
  }
  return result;
}

std::size_t Stream::write_now(std::string_view first, std::string_view second, std::error_code& error) {
  if (!is_open()) {
    error = std::make_error_code(std::errc::broken_pipe);
    return 0;
  }
  const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
  std::array<iovec, 2> parts{part(first), part(second)};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = second.empty() ? 1 : 2;
  ssize_t n = 0;
  do {
    n = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN) error = std::error_code(errno, std::generic_category());
  return 0;
}

void Stream::wait_readable(std::coroutine_handle<> waiting) {
  impl_->interrupted = false;
  impl_->reader = waiting;
  if (is_open()) return impl_->start_read_wait();
  impl_->loop.post([impl = impl_] {
    impl->interrupted = true;
    if (const auto reader = std::exchange(impl->reader, {})) reader.resume();
  });
}

void Stream::wait_writable(std::coroutine_handle<> waiting) {
  impl_->interrupted = false;
  impl_->writer = waiting;
  const auto wake = [impl = impl_](bool was_interrupted) {
    if (was_interrupted) impl->interrupted = true;
    if (const auto writer = std::exchange(impl->writer, {})) writer.resume();
  };
  if (!is_open()) return impl_->loop.post([wake] { wake(true); });
  impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                               [wake](const boost::system::error_code& error) { wake(static_cast<bool>(error)); });
}

bool Stream::interrupted() const { return impl_->interrupted; }

void Stream::watch_peer(std::function<void()> on_gone) {
  impl_->on_gone = std::move(on_gone);
  if (impl_->on_gone) impl_->start_read_wait();
}

void Stream::interrupt() {
  const auto impl = impl_;  // the waiters may destroy this stream
  impl->interrupted = true;
  const auto reader = std::exchange(impl->reader, {});
  const auto writer = std::exchange(impl->writer, {});
  if (reader) reader.resume();
  if (writer) writer.resume();
}

void Stream::close() {
  if (!is_open()) return;
  const auto impl = impl_;  // the waiters may destroy this stream
  boost::system::error_code ignored;
  impl->descriptor.close(ignored);
  const auto on_gone = std::exchange(impl->on_gone, nullptr);
  interrupt();
  if (on_gone) on_gone();
}

void Stream::shutdown_send() {
  if (is_open()) ::shutdown(fd(), SHUT_WR);
}

}  // namespace kiln
