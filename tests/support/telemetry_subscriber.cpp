// SPDX-License-Identifier: Apache-2.0
#include "tests/support/telemetry_subscriber.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "tests/support/loop_runner.hpp"
#include "tests/support/raw_client.hpp"

namespace kiln::test {

TelemetrySubscriber::TelemetrySubscriber(Protocol protocol, std::uint16_t port) : protocol_(protocol) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("a subscriber cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

TelemetrySubscriber::~TelemetrySubscriber() {
  ending_ = true;
  thread_.join();
  ::close(listener_);
}

void TelemetrySubscriber::answer_with(std::deque<int> statuses) {
  const std::lock_guard lock(mutex_);
  statuses_ = std::move(statuses);
}

void TelemetrySubscriber::fall_silent(bool silent) { silent_ = silent; }

bool TelemetrySubscriber::wait_readable(int fd) const {
  while (!ending_) {
    pollfd one{fd, POLLIN, 0};
    if (silent_ && protocol_ == Protocol::tcp && fd != listener_) {
      ::poll(nullptr, 0, 5);
      continue;
    }
    if (::poll(&one, 1, 5) > 0) return true;
  }
  return false;
}

/// One connection after another: a delivery has no more than one.
void TelemetrySubscriber::serve() {
  while (wait_readable(listener_)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    std::string in;
    std::array<char, 65'536> buffer{};
    while (wait_readable(fd)) {
      const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      in.append(buffer.data(), static_cast<std::size_t>(n));
      if (protocol_ == Protocol::tcp) {
        serve_tcp(in);
      } else {
        const std::size_t before = in.size();
        serve_http(fd, in);
        if (in.size() > before) break;  // it is to be closed
      }
    }
    ::close(fd);
  }
}

void TelemetrySubscriber::serve_tcp(std::string& in) {
  const std::lock_guard lock(mutex_);
  for (std::size_t end = in.find('\n'); end != std::string::npos; end = in.find('\n')) {
    auto record = nlohmann::ordered_json::parse(in.substr(0, end));
    requests_.push_back({"", nlohmann::ordered_json::array({record})});
    accepted_.push_back(std::move(record));
    in.erase(0, end + 1);
  }
  changed_.notify_all();
}

/// Answers the requests in `in`. Makes it longer where the connection is to be closed.
void TelemetrySubscriber::serve_http(int fd, std::string& in) {
  for (;;) {
    const auto head_end = in.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const std::string head = in.substr(0, head_end + 4);
    const auto at = head.find("Content-Length: ");
    const std::size_t length = std::stoul(head.substr(at + 16));
    if (in.size() < head.size() + length) return;
    auto records = nlohmann::ordered_json::parse(in.substr(head.size(), length));
    in.erase(0, head.size() + length);
    int status = 200;
    {
      const std::lock_guard lock(mutex_);
      if (!statuses_.empty()) {
        status = statuses_.front();
        statuses_.pop_front();
      }
      requests_.push_back({head, records});
      changed_.notify_all();
    }
    while (silent_ && !ending_) ::poll(nullptr, 0, 5);
    if (status / 100 == 2) {
      const std::lock_guard lock(mutex_);
      accepted_.insert(accepted_.end(), records.begin(), records.end());
      changed_.notify_all();
    }
    if (status == 0) {
      in.append(1'000'000, ' ');
      return;
    }
    const std::string answer = "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Length: 2\r\n\r\nOK";
    (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

std::vector<TelemetrySubscriber::Request> TelemetrySubscriber::wait_until(
    const std::function<bool(const std::vector<Request>&)>& enough) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [&] { return enough(requests_); })) {
    throw Late("the subscriber has " + std::to_string(requests_.size()) + " requests, and not those it waits for");
  }
  return requests_;
}

std::vector<nlohmann::ordered_json> TelemetrySubscriber::wait_for_records(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [&] { return accepted_.size() >= count; })) {
    throw Late("the subscriber has " + std::to_string(accepted_.size()) + " records of " + std::to_string(count));
  }
  return accepted_;
}

}  // namespace kiln::test
