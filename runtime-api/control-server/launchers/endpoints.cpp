// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/endpoints.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void set_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

LogPipe make_log_pipe() {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) fail("pipe2");
  set_non_blocking(pair[0]);
  return {Descriptor(pair[0]), Descriptor(pair[1])};
}

Endpoints make_endpoints(std::size_t channels, bool takes_frames) {
  Endpoints ends;
  LogPipe log = make_log_pipe();
  ends.log_read = std::move(log.read_end);
  ends.log_write = std::move(log.write_end);
  for (std::size_t i = 0; i < channels; ++i) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
    ends.channels_ours.emplace_back(pair[0]);
    ends.channels_theirs.emplace_back(pair[1]);
    set_non_blocking(pair[0]);
  }
  if (takes_frames) {
    LogPipe frames = make_log_pipe();
    ends.frames_read = std::move(frames.read_end);
    ends.frames_write = std::move(frames.write_end);
  }
  return ends;
}

std::string unread_log(const Descriptor& log_read) {
  std::string text(1'024, '\0');
  const ssize_t n = ::read(log_read.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Descriptor listen_on_free_port(const std::string& host, std::string& address) {
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  socklen_t length = sizeof any;
  if (!listener || ::inet_pton(AF_INET, host.c_str(), &any.sin_addr) != 1 ||
      ::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), length) != 0 || ::listen(listener.get(), 128) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &length) != 0) {
    fail(("cannot listen on " + host).c_str());
  }
  address = host + ":" + std::to_string(ntohs(any.sin_port));
  return listener;
}

Descriptor listen_on_loopback(std::string& address) { return listen_on_free_port("127.0.0.1", address); }

void add_api_address(std::vector<std::string>& variables, const std::string& address) {
  variables.push_back(std::string(environment::runtime_api) + "=" + address);
  variables.push_back(std::string(environment::metadata_api) + "=" + address);
}

std::vector<int> Endpoints::inherited() const {
  std::vector<int> numbers;
  for (const Descriptor& channel : channels_theirs) numbers.push_back(channel.get());
  if (frames_write) numbers.push_back(frames_write.get());
  return numbers;
}

void Endpoints::close_theirs() {
  log_write.reset();
  frames_write.reset();
  channels_theirs.clear();
}

void add_inherited(std::vector<std::string>& variables, const Endpoints& ends) {
  const int first_behind = first_inherited_fd + static_cast<int>(ends.channels_theirs.size());
  if (!ends.channels_theirs.empty()) {
    std::string numbers = std::to_string(first_inherited_fd);
    if (ends.channels_theirs.size() > 1) numbers += "-" + std::to_string(first_behind - 1);
    variables.push_back(std::string(environment::runtime_api_fd) + "=" + numbers);
  }
  if (ends.frames_write) {
    variables.push_back(std::string(environment::telemetry_log_fd) + "=" + std::to_string(first_behind));
  }
}

}  // namespace kiln
