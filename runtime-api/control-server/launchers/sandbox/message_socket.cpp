// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

namespace kiln::sandbox {
namespace {

constexpr std::size_t control_size = CMSG_SPACE(max_descriptors * sizeof(int));

}  // namespace

void send_message(int socket, std::string_view bytes, std::span<const int> descriptors, int flags) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[control_size] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size_bytes();
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  while (::sendmsg(socket, &message, flags | MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "sendmsg");
  }
}

Received receive_message(int socket, int flags) {
  Received received;
  ssize_t size = 0;
  while ((size = ::recv(socket, nullptr, 0, flags | MSG_PEEK | MSG_TRUNC)) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "recv");
  }
  if (static_cast<std::size_t>(size) > max_message) throw std::system_error(EMSGSIZE, std::generic_category(), "recv");
  received.bytes.resize(static_cast<std::size_t>(size));
  iovec part{received.bytes.data(), received.bytes.size()};
  alignas(cmsghdr) char control[control_size];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = 0;
  while ((n = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "recvmsg");
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      received.descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    throw std::system_error(EMSGSIZE, std::generic_category(), "recvmsg");
  }
  received.bytes.resize(static_cast<std::size_t>(n));
  return received;
}

}  // namespace kiln::sandbox
