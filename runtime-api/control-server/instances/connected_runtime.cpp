// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/connected_runtime.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace kiln {
namespace {

// Silence of so long is asked about, so often, so many times: a machine that has gone is noticed within a minute.
constexpr int idle_s = 30, interval_s = 10, probes = 3;

void keep_alive(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  // An event that nobody acknowledges is not waited for any longer than that.
  const unsigned int unacknowledged_ms = (idle_s + interval_s * probes) * 1000;
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

}  // namespace

ConnectedRuntime::ConnectedRuntime(EventLoop& loop, Descriptor connection)
    : loop_(loop), connection_(std::move(connection)), to_end_it_(::fcntl(connection_.get(), F_DUPFD_CLOEXEC, 0)) {
  keep_alive(connection_.get());
}

void ConnectedRuntime::signal(int) {
  if (std::exchange(gone_, true)) return;
  ::shutdown(to_end_it_.get(), SHUT_RDWR);
  // As of a process: not before whoever has said so is done.
  loop_.post([exited = exited_] { exited->set({}); });
}

std::vector<Descriptor> ConnectedRuntime::take_channels() {
  std::vector<Descriptor> channels;
  channels.push_back(std::move(connection_));
  return channels;
}

}  // namespace kiln
