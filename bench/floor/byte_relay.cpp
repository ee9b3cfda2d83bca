// SPDX-License-Identifier: Apache-2.0
#include "bench/floor/byte_relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace kiln::bench {
namespace {

constexpr std::size_t part = 65'536;

std::string_view bytes_of(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

/// Takes `bytes` from `fd`, and hands each part to `use`. False where the peer is gone.
template <class Use>
bool take(int fd, std::uint64_t bytes, Use use) {
  std::string buffer(part, '\0');
  while (bytes > 0) {
    const auto got = ::recv(fd, buffer.data(), std::min<std::uint64_t>(bytes, buffer.size()), 0);
    if (got <= 0 || !use(std::string_view(buffer.data(), static_cast<std::size_t>(got)))) return false;
    bytes -= static_cast<std::uint64_t>(got);
  }
  return true;
}

void run_server(int client_listener, int runtime_listener) {
  const Socket runtime(::accept4(runtime_listener, nullptr, nullptr, SOCK_CLOEXEC));
  const Socket client(::accept4(client_listener, nullptr, nullptr, SOCK_CLOEXEC));
  set_no_delay(runtime.fd());
  set_no_delay(client.fd());
  std::uint64_t bytes = 0;
  while (read_all(client.fd(), &bytes, sizeof bytes) && write_all(runtime.fd(), bytes_of(bytes)) &&
         take(runtime.fd(), bytes, [&](std::string_view data) { return write_all(client.fd(), data); })) {
  }
}

void run_runtime(std::uint16_t port) {
  const Socket server = connect_to_loopback(port);
  const std::string data(part, 'x');
  std::uint64_t bytes = 0;
  while (read_all(server.fd(), &bytes, sizeof bytes)) {
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, part)) {
      if (!write_all(server.fd(), std::string_view(data).substr(0, std::min<std::uint64_t>(bytes, part)))) return;
    }
  }
}

}  // namespace

ByteRelay::ByteRelay() {
  const Socket for_client = listen_on_loopback();
  const Socket for_runtime = listen_on_loopback();
  server_ = run_in_child([&] { run_server(for_client.fd(), for_runtime.fd()); });
  runtime_ = run_in_child([&] { run_runtime(port_of(for_runtime)); });
  client_ = connect_to_loopback(port_of(for_client));
}

void ByteRelay::transfer(std::uint64_t bytes) {
  if (!write_all(client_.fd(), bytes_of(bytes)) || !take(client_.fd(), bytes, [](std::string_view) { return true; })) {
    throw std::runtime_error("the byte relay is gone");
  }
}

}  // namespace kiln::bench
