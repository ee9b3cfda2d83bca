// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/control_pair.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"

namespace kiln {
namespace {

// A machine that is busy beyond all measure, or a process that hangs.
constexpr std::chrono::seconds patience{10};

}  // namespace

ControlPair make_control() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  ControlPair made{Descriptor(pair[0]), Descriptor(pair[1])};
  limit_reads(made.ours.get(), patience);
  return made;
}

void limit_reads(int control, std::chrono::milliseconds limit) {
  const auto microseconds = std::max<std::chrono::microseconds>(limit, std::chrono::milliseconds(1)).count();
  const timeval time{microseconds / 1'000'000, microseconds % 1'000'000};
  if (::setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0) {
    throw std::system_error(errno, std::generic_category(), "setsockopt");
  }
}

sandbox::Reply receive_reply(int control) {
  const sandbox::Received answer = sandbox::receive_message(control);
  sandbox::Reply reply;
  if (answer.bytes.size() != sizeof reply) throw std::runtime_error("the process that makes sandboxes has ended");
  std::memcpy(&reply, answer.bytes.data(), sizeof reply);
  return reply;
}

}  // namespace kiln
