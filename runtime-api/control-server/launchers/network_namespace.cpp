// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/network_namespace.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>

#include "runtime-api/server/async/outgoing_connection.hpp"

namespace kiln {
namespace {

constexpr unsigned short runtime_api_port = 9001;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void raise_loopback() {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) fail("lo up");
}

Descriptor listen_inside() {
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(runtime_api_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!listener || ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 128) != 0) {
    fail("listen in a network namespace");
  }
  return listener;
}

NetworkNamespace furnished(const std::function<void()>& enter) {
  NetworkNamespace made;
  std::exception_ptr error;
  // A thread that enters a namespace cannot be used for anything else afterwards, so it is one of its own.
  std::thread inside([&] {
    try {
      enter();
      raise_loopback();
      made.name = Descriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      if (!made.name) fail("open of a network namespace");
      made.listener = listen_inside();
    } catch (...) {
      error = std::current_exception();
    }
  });
  inside.join();
  if (error) std::rethrow_exception(error);
  return made;
}

}  // namespace

NetworkNamespace NetworkNamespace::make() {
  return furnished([] {
    if (::unshare(CLONE_NEWNET) != 0) fail("network namespace");
  });
}

NetworkNamespace NetworkNamespace::furnish(const Descriptor& pidfd) {
  return furnished([&pidfd] {
    if (::setns(pidfd.get(), CLONE_NEWNET) != 0) fail("setns to a network namespace");
  });
}

int make_tcp_socket_in(const Descriptor& name) {
  const Descriptor home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home || ::setns(name.get(), CLONE_NEWNET) != 0) return -1;
  const int socket = make_tcp_socket();
  const int error = errno;
  // A thread left there would take an instance's loopback for the host's.
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
  errno = error;
  return socket;
}

}  // namespace kiln
