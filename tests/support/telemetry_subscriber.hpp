// SPDX-License-Identifier: Apache-2.0
// A subscriber of telemetry: takes batches over HTTP or TCP on a thread of its own, and answers as the test decides.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace kiln::test {

class TelemetrySubscriber {
 public:
  enum class Protocol { http, tcp };
  /// Listens on a free port of 127.0.0.1, or on `port`.
  explicit TelemetrySubscriber(Protocol protocol, std::uint16_t port = 0);
  ~TelemetrySubscriber();
  TelemetrySubscriber(const TelemetrySubscriber&) = delete;
  TelemetrySubscriber& operator=(const TelemetrySubscriber&) = delete;

  std::uint16_t port() const { return port_; }

  /// The next answers, one a request; 200 once these are used up. 0: close without an answer.
  void answer_with(std::deque<int> statuses);
  /// Until told otherwise, requests are read and wait for their answer; of TCP nothing is read.
  void fall_silent(bool silent = true);

  struct Request {
    std::string head;
    nlohmann::ordered_json records;  ///< an array
  };
  /// Waits until `enough` holds of what came so far, and returns that. Throws Late otherwise. Over TCP each line is a
  /// request of its own.
  std::vector<Request> wait_until(const std::function<bool(const std::vector<Request>&)>& enough);
  /// The records of all requests that were answered with 2xx, one behind the other, once there are at least `count`.
  std::vector<nlohmann::ordered_json> wait_for_records(std::size_t count);
  std::size_t connections() const { return connections_; }

 private:
  void serve();
  void serve_http(int fd, std::string& in);
  void serve_tcp(std::string& in);
  bool wait_readable(int fd) const;

  const Protocol protocol_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<bool> silent_{false};
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> statuses_;
  std::vector<Request> requests_;
  std::vector<nlohmann::ordered_json> accepted_;
  std::thread thread_;
};

}  // namespace kiln::test
