// SPDX-License-Identifier: Apache-2.0
// Simulated runtimes: N connections that poll the Runtime API, in one process on one thread; each answers an event with
// its payload and polls again, both in one write, as kiln's bootstrap does.
// usage: parked_pollers PORT COUNT       prints "polling" once every poll has been sent; runs until it is ended
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "bench/child.hpp"
#include "bench/http_invoker.hpp"
#include "bench/sockets.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::bench {
namespace {

const std::string poll_request = HttpInvoker::request("GET", routes::next);

struct Poller {
  Socket socket;
  std::string unread;
};

/// Takes one whole answer off the front of `text`: an event is answered into `out`. False where it is not whole yet.
bool take_answer(std::string& text, std::string& out) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const auto head = std::string_view(text).substr(0, end + 4);
  const auto length = field_of(head, "content-length");
  std::size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (text.size() < head.size() + size) return false;
  const std::string id(field_of(head, "lambda-runtime-aws-request-id"));
  if (!id.empty()) {
    const auto path = std::string(routes::invocation_prefix) + id + std::string(routes::response_suffix);
    out += HttpInvoker::request("POST", path, std::string_view(text).substr(head.size(), size));
    out += poll_request;
  }
  text.erase(0, head.size() + size);
  return true;
}

void run(std::uint16_t port, std::size_t count) {
  raise_descriptor_limit();
  const Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Poller> pollers(count);
  for (std::size_t i = 0; i < count; ++i) {
    pollers[i].socket = connect_to_loopback(port);
    if (!write_all(pollers[i].socket.fd(), poll_request)) throw std::runtime_error("the server closed a poll");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, pollers[i].socket.fd(), &event);
  }
  std::printf("polling\n");
  std::fflush(stdout);

  std::array<epoll_event, 64> events{};
  std::array<char, 16'384> buffer{};
  std::string out;
  for (;;) {
    const int ready = ::epoll_wait(epoll.fd(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      auto& poller = pollers[events.at(static_cast<std::size_t>(i)).data.u64];
      const auto got = ::recv(poller.socket.fd(), buffer.data(), buffer.size(), 0);
      if (got <= 0) return;  // the server ends: so do all its runtimes
      poller.unread.append(buffer.data(), static_cast<std::size_t>(got));
      out.clear();
      while (take_answer(poller.unread, out)) {
      }
      if (!out.empty()) write_all(poller.socket.fd(), out);
    }
  }
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    kiln::bench::run(static_cast<std::uint16_t>(std::atoi(argv[1])), static_cast<std::size_t>(std::atol(argv[2])));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "parked_pollers: %s\n", error.what());
    return 1;
  }
}
