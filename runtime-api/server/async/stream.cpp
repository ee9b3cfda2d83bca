// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <string>
#include <utility>
#include <variant>

namespace kiln {

namespace asio = boost::asio;

namespace {
constexpr std::size_t most_held = 65'536;  // of what a peer sends before it is asked
constexpr std::size_t buffer_size = 256;   // most of what a runtime of ours sends; the rest is read at once
}  // namespace

/// Shared with the operations in flight, which outlive the Stream: a closed descriptor's complete later.
///
/// Waiting for data is a read into a small buffer rather than a wait for readability: Asio then needs no epoll_ctl each
/// time (ADR 0002). It is not the loop's one large buffer, because Asio may read at once and tell on a later turn. So while
/// such a read is outstanding nobody else may read the socket, or bytes would overtake those. A pipe is read by others
/// meanwhile (an instance's log, when an invocation ends) and is seldom waited for: there, waiting takes nothing out.
struct Stream::Impl : std::enable_shared_from_this<Stream::Impl> {
  /// Asio remembers of a socket that a short read has emptied it, and of other descriptors it does not: worth the two types.
  using Socket = asio::generic::stream_protocol::socket;
  using Pipe = asio::posix::stream_descriptor;

  Impl(EventLoop& l, int fd) : loop(l), number(fd), end(make_end(l, fd)) {}

  static std::variant<Pipe, Socket> make_end(EventLoop& l, int fd) {
    int family = 0;
    socklen_t length = sizeof family;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) return Pipe(l.context(), fd);
    const asio::generic::stream_protocol protocol(family, 0);
    return Socket(l.context(), protocol, fd);
  }

  void start_read() {
    if (outstanding || !is_open()) return;
    outstanding = true;
    if (auto* const pipe = std::get_if<Pipe>(&end)) {
      return pipe->async_wait(Pipe::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        self->outstanding = false;
        if (self->is_open()) self->on_read(error, {});
      });
    }
    if (!buffer) buffer = std::make_unique<char[]>(buffer_size);
    const auto done = [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
      self->outstanding = false;
      if (self->is_open()) self->on_read(error, {self->buffer.get(), bytes});
    };
    std::get<Socket>(end).async_read_some(asio::buffer(buffer.get(), buffer_size), done);
  }

  void on_read(const boost::system::error_code& error, std::string_view data) {
    fresh = data;
    if (error == asio::error::eof) {
      ended = true;
    } else if (error) {
      failure = error;
    }
    if (const auto waiting = std::exchange(reader, {})) {
      waiting.resume();
    } else if (error && on_gone) {
      std::exchange(on_gone, nullptr)();
    }
    if (!fresh.empty()) held.append(std::exchange(fresh, {}));
    if (on_gone) keep_watching();
  }

  /// The end of the stream can be seen only behind the data in front of it.
  void keep_watching() {
    if (!ended && !failure && held.size() < most_held) start_read();
  }

  bool has_input() const { return ended || failure || !held.empty() || !fresh.empty(); }

  /// Whether bytes may be on their way that come before those in the socket.
  bool being_read() const { return outstanding && std::holds_alternative<Socket>(end); }

  /// Moves what has been received already into `into`.
  std::size_t take(std::span<char> into) {
    std::string_view& source = fresh;
    if (!held.empty()) {
      const std::size_t n = std::min(into.size(), held.size());
      std::copy_n(held.begin(), n, into.begin());
      held.erase(0, n);
      return n;
    }
    const std::size_t n = std::min(into.size(), source.size());
    std::copy_n(source.begin(), n, into.begin());
    source.remove_prefix(n);
    return n;
  }

  bool is_open() const { return number >= 0; }

  void close() {
    number = -1;
    boost::system::error_code ignored;
    std::visit([&](auto& io) { io.close(ignored); }, end);
  }

  template <class Handler>
  void when_writable(Handler handler) {
    if (auto* const socket = std::get_if<Socket>(&end)) {
      socket->async_wait(Socket::wait_write, std::move(handler));
    } else {
      std::get<Pipe>(end).async_wait(Pipe::wait_write, std::move(handler));
    }
  }

  EventLoop& loop;
  int number;  // of the descriptor; -1 once it is closed
  std::variant<Pipe, Socket> end;
  std::coroutine_handle<> reader;
  std::coroutine_handle<> writer;
  std::function<void()> on_gone;
  std::string_view fresh;  // just read, until the reader returns
  std::string held;
  std::error_code failure;
  bool ended = false;
  std::unique_ptr<char[]> buffer;
  bool outstanding = false;
  bool interrupted = false;
};

Stream::Stream(EventLoop& loop, int fd) : impl_(std::make_shared<Impl>(loop, fd)) {}

Stream::~Stream() {
  impl_->on_gone = nullptr;
  impl_->reader = {};
  impl_->writer = {};
  close();
}

int Stream::fd() const { return impl_->number; }
bool Stream::is_open() const { return impl_->is_open(); }
EventLoop& Stream::loop() const { return impl_->loop; }

ReadResult Stream::read_now(std::span<char> into) {
  ReadResult result;
  result.bytes = impl_->take(into);
  if (result.bytes > 0) {
    // A full buffer has more behind it, mostly.
    if (result.bytes == buffer_size && into.size() > buffer_size && is_open() && !impl_->outstanding &&
        !impl_->has_input()) {
      const ssize_t more = ::read(fd(), into.data() + buffer_size, into.size() - buffer_size);
      if (more > 0) result.bytes += static_cast<std::size_t>(more);
    }
    return result;
  }
  if (impl_->failure) {
    result.error = impl_->failure;
    return result;
  }
  if (!is_open() || impl_->ended) {
    result.end = true;
    return result;
  }
  if (impl_->being_read()) {
    result.would_block = true;
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
    n = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN) error = std::error_code(errno, std::generic_category());
  return 0;
}

void Stream::wait_readable(std::coroutine_handle<> waiting) {
  impl_->interrupted = false;
  impl_->reader = waiting;
  if (is_open() && !impl_->has_input()) return impl_->start_read();
  const bool gone = !is_open();
  impl_->loop.post([impl = impl_, gone] {
    impl->interrupted = gone;
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
  impl_->when_writable([wake](const boost::system::error_code& error) { wake(static_cast<bool>(error)); });
}

bool Stream::interrupted() const { return impl_->interrupted; }

void Stream::watch_peer(std::function<void()> on_gone) {
  impl_->on_gone = std::move(on_gone);
  if (!impl_->on_gone) return;
  if (!impl_->ended && !impl_->failure) return impl_->keep_watching();
  impl_->loop.post([impl = impl_] {
    if (impl->on_gone) std::exchange(impl->on_gone, nullptr)();
  });
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
  impl->close();
  const auto on_gone = std::exchange(impl->on_gone, nullptr);
  interrupt();
  if (on_gone) on_gone();
}

void Stream::reset_on_close() {
  if (!is_open()) return;
  const linger at_once{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Stream::shutdown_send() {
  if (is_open()) ::shutdown(fd(), SHUT_WR);
}

}  // namespace kiln
