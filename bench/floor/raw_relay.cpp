// SPDX-License-Identifier: Apache-2.0
#include "bench/floor/raw_relay.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <stdexcept>
#include <unordered_map>

namespace kiln::bench {
namespace {

/// The server process: accepts on two listeners and joins each client's frame with an idle runtime.
class RelayServer {
 public:
  RelayServer(int client_listener, int runtime_listener, std::size_t payload)
      : client_listener_(client_listener), runtime_listener_(runtime_listener), frame_(payload, '\0') {
    watch(client_listener);
    watch(runtime_listener);
  }

  void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int ready = ::epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) handle(events.at(static_cast<std::size_t>(i)).data.fd);
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event);
  }

  int take(int listener) const {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    set_no_delay(fd);
    watch(fd);
    return fd;
  }

  void handle(int fd) {
    if (fd == client_listener_) {
      take(fd);
    } else if (fd == runtime_listener_) {
      runtime_became_idle(take(fd));
    } else if (!read_all(fd, frame_.data(), frame_.size())) {
      ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, fd, nullptr);
    } else if (const auto busy = client_of_.find(fd); busy != client_of_.end()) {
      const int client = busy->second;
      client_of_.erase(busy);
      write_all(client, frame_);
      runtime_became_idle(fd);
    } else if (!idle_.empty()) {
      forward(fd, idle_.back());
    } else {
      waiting_.emplace_back(fd, frame_);
    }
  }

  void forward(int client, int runtime) {
    idle_.pop_back();
    client_of_[runtime] = client;
    write_all(runtime, frame_);
  }

  void runtime_became_idle(int fd) {
    idle_.push_back(fd);
    if (waiting_.empty()) return;
    frame_ = waiting_.front().second;
    const int client = waiting_.front().first;
    waiting_.pop_front();
    forward(client, fd);
  }

  Socket epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  int client_listener_;
  int runtime_listener_;
  std::string frame_;
  std::vector<int> idle_;
  std::unordered_map<int, int> client_of_;
  std::deque<std::pair<int, std::string>> waiting_;
};

void run_runtime(std::uint16_t port, std::size_t payload) {
  const Socket server = connect_to_loopback(port);
  std::string frame(payload, '\0');
  while (read_all(server.fd(), frame.data(), frame.size()) && write_all(server.fd(), frame)) {
  }
}

}  // namespace

RawRelay::RawRelay(std::size_t clients, std::size_t runtimes, std::size_t payload)
    : payload_(payload), buffers_(clients, std::string(payload, 'x')) {
  const Socket for_clients = listen_on_loopback();
  const Socket for_runtimes = listen_on_loopback();
  processes_.push_back(run_in_child([&] { RelayServer(for_clients.fd(), for_runtimes.fd(), payload_).run(); }));
  for (std::size_t i = 0; i < runtimes; ++i) {
    processes_.push_back(run_in_child([&] { run_runtime(port_of(for_runtimes), payload_); }));
  }
  for (std::size_t i = 0; i < clients; ++i) clients_.push_back(connect_to_loopback(port_of(for_clients)));
}

void RawRelay::call(std::size_t client) {
  auto& frame = buffers_.at(client);
  const int fd = clients_.at(client).fd();
  if (!write_all(fd, frame) || !read_all(fd, frame.data(), frame.size()))
    throw std::runtime_error("the raw relay is gone");
}

}  // namespace kiln::bench
