// SPDX-License-Identifier: Apache-2.0
#include "bench/floor/byte_relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace kiln::bench {
namespace {

constexpr std::size_t part = 131'072;  // the fastest of 64, 128 and 256 KiB

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

void run_server(int client_listener, const Socket& runtime) {
  const Socket client(::accept4(client_listener, nullptr, nullptr, SOCK_CLOEXEC));
  set_no_delay(client.fd());
  std::uint64_t bytes = 0;
  while (read_all(client.fd(), &bytes, sizeof bytes) && write_all(runtime.fd(), bytes_of(bytes)) &&
         take(runtime.fd(), bytes, [&](std::string_view data) { return write_all(client.fd(), data); })) {
  }
}

void run_runtime(const Socket& server) {
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
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error("no socket pair");
  Socket runtime_end(pair[0]);
  Socket server_end(pair[1]);
  server_ = run_in_child([&] {
    runtime_end.close();  // so that the server sees its runtime end, and the other way round
    run_server(for_client.fd(), server_end);
  });
  runtime_ = run_in_child([&] {
    server_end.close();
    run_runtime(runtime_end);
  });
  client_ = connect_to_loopback(port_of(for_client));
}

void ByteRelay::transfer(std::uint64_t bytes) {
  if (!write_all(client_.fd(), bytes_of(bytes)) || !take(client_.fd(), bytes, [](std::string_view) { return true; })) {
    throw std::runtime_error("the byte relay is gone");
  }
}

}  // namespace kiln::bench
