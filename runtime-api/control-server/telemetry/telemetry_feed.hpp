// SPDX-License-Identifier: Apache-2.0
// The way from one instance's events to those of its extensions that have subscribed to them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/telemetry/log_ring.hpp"
#include "runtime-api/control-server/telemetry/telemetry_delivery.hpp"
#include "runtime-api/protocol/deadline.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"

namespace kiln {

/// Data-plane thread only. Until the init phase is over it keeps the events, so that who subscribes late misses none.
class TelemetryFeed {
 public:
  using OnDropped = std::function<void(const RecordsDropped&)>;

  /// Bytes of events kept for late subscribers (kiln's own).
  static constexpr std::size_t backlog_bytes = 256 * 1024;

  TelemetryFeed(EventLoop& loop, std::shared_ptr<const LogStream> stream, OnDropped on_dropped);
  ~TelemetryFeed();
  TelemetryFeed(const TelemetryFeed&) = delete;
  TelemetryFeed& operator=(const TelemetryFeed&) = delete;

  /// Whether anybody is, or may come to be, interested. Where not, events need not be made.
  bool listening() const { return backlog_ != nullptr || !deliveries_.empty(); }
  void take(const LogEvent& event);

  /// Subscribes `extension`, in place of what it had subscribed to before, and hands it what has happened so far.
  /// The same subscription again changes nothing. `make_socket` leads to the instance's loopback.
  void subscribe(std::string_view extension, TelemetrySubscription subscription, MakeSocket make_socket);
  /// The API that `extension` has subscribed by, where it has.
  std::optional<TelemetryApi> subscribed_by(std::string_view extension) const;
  bool has_subscribers() const { return !deliveries_.empty(); }
  /// Whether all that was taken has been delivered or dropped.
  bool idle() const;
  /// No one can subscribe any more: what was kept for late ones is dropped.
  void close_subscription() { backlog_ = nullptr; }
  bool subscription_closed() const { return backlog_ == nullptr; }

  /// The instance is about to end: sends what there is, without the wait for fuller batches.
  void hurry();
  /// The same, and waits until all of it is delivered or dropped, at most until `deadline`. One at a time.
  Task<void> drain(Deadline deadline);
  /// Ends all deliveries.
  void close();

 private:
  struct Entry {
    std::string extension;
    std::shared_ptr<TelemetryDelivery> delivery;
  };
  /// What the backlog had no room for.
  struct Unkept {
    TelemetryBuffer::Dropped platform = {};
    TelemetryBuffer::Dropped function = {};
    TelemetryBuffer::Dropped extension = {};
  };

  void keep(const LogEvent& event);
  void replay(TelemetryDelivery& delivery) const;
  void check_idle();

  EventLoop& loop_;
  const std::shared_ptr<const LogStream> stream_;
  const OnDropped on_dropped_;
  std::unique_ptr<LogRing> backlog_;
  Unkept unkept_;
  std::vector<Entry> deliveries_;
  Completion<bool>* drained_ = nullptr;  // in the frame of drain()
};

}  // namespace kiln
