// SPDX-License-Identifier: Apache-2.0
// One subscriber of an instance's events: gathers them into batches and delivers those, in order, at least once. However
// slow or dead it is, it costs a bounded amount of memory, and nobody waits for it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "runtime-api/control-server/telemetry/telemetry_buffer.hpp"
#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/outgoing_connection.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/telemetry_subscription.hpp"

namespace kiln {

/// How persistently a batch is delivered. Kiln's own figures; the guide says "with backoff".
struct TelemetryPatience {
  std::chrono::milliseconds answer{5'000};         ///< for one attempt, connecting included
  std::chrono::milliseconds batch{10'000};         ///< for all attempts at one batch; it is dropped then
  std::chrono::milliseconds first_pause{50};       ///< between attempts, doubled each time …
  std::chrono::milliseconds longest_pause{1'000};  ///< … up to this
};

/// Data-plane thread only. To be made by std::make_shared: a delivery under way keeps it alive.
class TelemetryDelivery : public std::enable_shared_from_this<TelemetryDelivery> {
 public:
  struct Hooks {
    std::function<void(const RecordsDropped&)> on_dropped = {};  ///< the subscriber will have missed these
    std::function<void()> on_idle = {};                          ///< idle() has become true
  };

  /// `make_socket` leads to the subscriber's loopback.
  TelemetryDelivery(EventLoop& loop, TelemetrySubscription subscription, MakeSocket make_socket, Hooks hooks,
                    TelemetryPatience patience = {});

  const TelemetrySubscription& subscription() const { return subscription_; }
  /// Buffers the event, where it is among what the subscriber asked for.
  void take(const LogEvent& event);
  /// Sends what there is now; what comes later waits no longer than the shortest time there is. Ends a pause between
  /// attempts.
  void hurry();
  /// Whether everything has been delivered or dropped.
  bool idle() const { return !sending_ && !buffer_.gathering() && !buffer_.has_batch(); }
  /// Ends deliveries; nothing is taken any more and no hook is called.
  void close();

 private:
  void schedule();
  void start_sending();
  Task<void> send_all();
  Task<std::string> send(const TelemetryBatch& batch);
  Task<std::string> attempt(const TelemetryBatch& batch, Deadline deadline);
  Task<void> pause(Deadline deadline);
  void end_pause();
  void report_dropped();
  void report_dropped(std::string_view reason, TelemetryBuffer::Dropped dropped);

  EventLoop& loop_;
  const TelemetrySubscription subscription_;
  const TelemetryPatience patience_;
  Hooks hooks_;
  TelemetryBuffer buffer_;
  OutgoingConnection connection_;
  Timer batch_timer_;
  Timer pause_timer_;
  Completion<bool>* pause_ = nullptr;  // in the frame of the one who pauses
  std::string record_;                 // kept for its capacity
  TelemetryBuffer::Dropped undelivered_;
  std::string why_undelivered_;
  bool sending_ = false;
  bool hurried_ = false;
  bool closed_ = false;
};

}  // namespace kiln
