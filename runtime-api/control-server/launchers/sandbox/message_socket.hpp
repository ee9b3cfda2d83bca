// SPDX-License-Identifier: Apache-2.0
// One message with its descriptors over a SOCK_SEQPACKET socket. Any thread; the caller owns the socket.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln::sandbox {

/// Sends all of it or throws std::system_error. `flags` as for sendmsg.
void send_message(int socket, std::string_view bytes, std::span<const int> descriptors = {}, int flags = 0);

struct Received {
  std::string bytes;  ///< empty at the end of the stream
  std::vector<Descriptor> descriptors;
};

/// `flags` as for recvmsg. Throws std::system_error; with MSG_DONTWAIT and nothing there, too (EAGAIN).
Received receive_message(int socket, int flags = 0);

}  // namespace kiln::sandbox
