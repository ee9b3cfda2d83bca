// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_delivery.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/control-server/telemetry/telemetry_record.hpp"
#include "runtime-api/server/http/post.hpp"

namespace kiln {
namespace {

using Protocol = TelemetryDestination::Protocol;

constexpr std::chrono::milliseconds shortest_wait{25};
// The developer guide's words.
constexpr std::string_view fallen_behind =
    "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";

TelemetryBuffer::Framing framing_for(const TelemetrySubscription& subscription) {
  return subscription.destination.protocol == Protocol::http ? TelemetryBuffer::Framing::array
                                                             : TelemetryBuffer::Framing::lines;
}

}  // namespace

TelemetryDelivery::TelemetryDelivery(EventLoop& loop, TelemetrySubscription subscription, MakeSocket make_socket,
                                     Hooks hooks, TelemetryPatience patience)
    : loop_(loop),
      subscription_(std::move(subscription)),
      patience_(patience),
      hooks_(std::move(hooks)),
      buffer_(subscription_.buffering, framing_for(subscription_)),
      connection_(loop, subscription_.destination.port, std::move(make_socket)),
      batch_timer_(loop),
      pause_timer_(loop) {}

void TelemetryDelivery::take(const LogEvent& event) {
  if (closed_ || !is_among(subscription_.types, event) || !has_record(event, subscription_.schema)) return;
  report_dropped();
  record_.clear();
  append_record(record_, event, subscription_.schema);
  buffer_.add(record_);
  schedule();
}

/// Tells of records that were dropped as soon as there is room to tell it: the account stays exact, and in its place.
void TelemetryDelivery::report_dropped() {
  constexpr std::size_t room_for_report = 512;
  if (undelivered_.records > 0 && buffer_.has_room(room_for_report)) {
    report_dropped(why_undelivered_, std::exchange(undelivered_, {}));
  }
  if (buffer_.has_dropped() && buffer_.has_room(room_for_report)) report_dropped(fallen_behind, buffer_.take_dropped());
}

void TelemetryDelivery::report_dropped(std::string_view reason, TelemetryBuffer::Dropped dropped) {
  const RecordsDropped event{reason, dropped.bytes, dropped.records};
  if (subscription_.types.platform) {
    std::string record;
    append_record(record, {std::chrono::system_clock::now(), {}, LogFormat::text, event}, subscription_.schema);
    buffer_.add(record);
  }
  if (hooks_.on_dropped) hooks_.on_dropped(event);
}

/// Sees to it that what is buffered will be sent.
void TelemetryDelivery::schedule() {
  if (buffer_.has_batch()) start_sending();
  if (!buffer_.gathering()) {
    batch_timer_.cancel();
  } else if (!batch_timer_.armed()) {
    const auto wait =
        hurried_ ? std::min(shortest_wait, subscription_.buffering.timeout) : subscription_.buffering.timeout;
    batch_timer_.arm(Deadline::after(wait), [this] {
      buffer_.close_batch();
      start_sending();
    });
  }
}

void TelemetryDelivery::hurry() {
  if (closed_) return;
  hurried_ = true;
  batch_timer_.cancel();
  buffer_.close_batch();
  if (buffer_.has_batch()) start_sending();
  end_pause();
}

void TelemetryDelivery::close() {
  if (closed_) return;
  const auto alive = shared_from_this();  // the delivery that is woken below may hold the last reference
  closed_ = true;
  hooks_ = {};
  batch_timer_.cancel();
  end_pause();
  connection_.close();
}

void TelemetryDelivery::start_sending() {
  if (sending_ || closed_) return;
  sending_ = true;
  loop_.spawn(send_all(), "telemetry delivery");
}

Task<void> TelemetryDelivery::send_all() {
  const auto alive = shared_from_this();
  while (buffer_.has_batch() && !closed_) {
    const TelemetryBatch batch = buffer_.take();
    report_dropped();  // there is room now
    const std::string failure = co_await send(batch);
    if (closed_) break;
    if (!failure.empty()) {
      why_undelivered_ = "The subscriber took no delivery: " + failure;
      undelivered_.bytes += batch.bytes;
      undelivered_.records += batch.records;
    }
    report_dropped();
    schedule();
  }
  sending_ = false;
  if (idle() && hooks_.on_idle) hooks_.on_idle();
}

/// Delivers one batch. Returns why it could not, or nothing.
Task<std::string> TelemetryDelivery::send(const TelemetryBatch& batch) {
  const Deadline give_up = Deadline::after(patience_.batch);
  auto wait = patience_.first_pause;
  for (;;) {
    const Deadline deadline = std::min(give_up, Deadline::after(patience_.answer));
    std::string failure = co_await attempt(batch, deadline);
    if (failure.empty() || closed_) co_return failure;
    const Deadline again = Deadline::after(wait);
    if (give_up.passed() || give_up < again) co_return failure;
    wait = std::min(wait * 2, patience_.longest_pause);
    co_await pause(again);
    if (closed_) co_return failure;
  }
}

Task<std::string> TelemetryDelivery::attempt(const TelemetryBatch& batch, Deadline deadline) {
  const TelemetryDestination& destination = subscription_.destination;
  if (destination.protocol == Protocol::http) {
    http::PostRequest request;
    request.method = destination.method;
    request.host = destination.host;
    request.path = destination.path;
    request.body = batch.body;
    const http::PostResult result = co_await http::post(connection_, request, deadline);
    if (result.error) co_return result.error.message();
    if (result.status >= 300) co_return "it answered with status " + std::to_string(result.status);
    co_return std::string();
  }
  // What a peer that is gone had taken of a batch is lost with it: the batch goes out whole to the next one.
  if (!connection_.is_quiet()) {
    const std::error_code error = co_await connection_.connect(deadline);
    if (error) co_return error.message();
  }
  const std::error_code error = co_await connection_.send(batch.body, {}, deadline);
  if (error) co_return error.message();
  co_return std::string();
}

Task<void> TelemetryDelivery::pause(Deadline deadline) {
  Completion<bool> over;
  pause_ = &over;
  pause_timer_.arm(deadline, [this] { end_pause(); });
  co_await over;
}

void TelemetryDelivery::end_pause() {
  pause_timer_.cancel();
  if (auto* const over = std::exchange(pause_, nullptr)) over->set(true);
}

}  // namespace kiln
