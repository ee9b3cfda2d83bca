// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_feed.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/control-server/telemetry/telemetry_record.hpp"

namespace kiln {
namespace {

bool same_target(const TelemetrySubscription& a, const TelemetrySubscription& b) {
  const TelemetryDestination& x = a.destination;
  const TelemetryDestination& y = b.destination;
  return a.schema == b.schema && a.types == b.types && x.protocol == y.protocol && x.port == y.port &&
         x.method == y.method && x.host == y.host && x.path == y.path &&
         a.buffering.max_items == b.buffering.max_items && a.buffering.max_bytes == b.buffering.max_bytes &&
         a.buffering.timeout == b.buffering.timeout;
}

}  // namespace

TelemetryFeed::TelemetryFeed(EventLoop& loop, std::shared_ptr<const LogStream> stream, OnDropped on_dropped)
    : loop_(loop),
      stream_(std::move(stream)),
      on_dropped_(std::move(on_dropped)),
      backlog_(std::make_unique<LogRing>(2 * backlog_bytes, false)) {}

TelemetryFeed::~TelemetryFeed() { close(); }

void TelemetryFeed::take(const LogEvent& event) {
  if (backlog_) keep(event);
  for (const Entry& entry : deliveries_) entry.delivery->take(event);
}

/// The first events are the ones that tell who began when, so it is the later ones that find no room.
void TelemetryFeed::keep(const LogEvent& event) {
  const auto* const line = std::get_if<OutputLine>(&event.body);
  const std::size_t size = line ? line->text.size() : 0;
  if (backlog_->end() + size < backlog_bytes) {
    backlog_->append(stream_, event);
    return;
  }
  TelemetryBuffer::Dropped& unkept = !line                                     ? unkept_.platform
                                     : line->origin == OutputOrigin::extension ? unkept_.extension
                                                                               : unkept_.function;
  unkept.bytes += size;
  ++unkept.records;
}

void TelemetryFeed::replay(TelemetryDelivery& delivery) const {
  backlog_->each(0, [&](const LogEvent& event) { delivery.take(event); });
  TelemetryBuffer::Dropped missed;
  const auto add = [&missed](bool wanted, const TelemetryBuffer::Dropped& some) {
    if (!wanted) return;
    missed.bytes += some.bytes;
    missed.records += some.records;
  };
  const TelemetryTypes& types = delivery.subscription().types;
  add(types.platform, unkept_.platform);
  add(types.function, unkept_.function);
  add(types.extension, unkept_.extension);
  if (missed.records == 0) return;
  const RecordsDropped dropped{"The init phase produced more than is kept for subscribers.", missed.bytes,
                               missed.records};
  delivery.take({std::chrono::system_clock::now(), {}, stream_->format, dropped});
}

void TelemetryFeed::subscribe(std::string_view extension, TelemetrySubscription subscription, MakeSocket make_socket) {
  const auto found = std::find_if(deliveries_.begin(), deliveries_.end(),
                                  [extension](const Entry& entry) { return entry.extension == extension; });
  if (found != deliveries_.end()) {
    if (same_target(found->delivery->subscription(), subscription)) return;
    found->delivery->close();
    deliveries_.erase(found);
  }
  TelemetryDelivery::Hooks hooks;
  hooks.on_dropped = on_dropped_;
  hooks.on_idle = [this] { check_idle(); };
  auto delivery =
      std::make_shared<TelemetryDelivery>(loop_, std::move(subscription), std::move(make_socket), std::move(hooks));
  if (backlog_) replay(*delivery);
  deliveries_.push_back({std::string(extension), std::move(delivery)});
}

std::optional<TelemetryApi> TelemetryFeed::subscribed_by(std::string_view extension) const {
  for (const Entry& entry : deliveries_) {
    if (entry.extension != extension) continue;
    return is_logs_api(entry.delivery->subscription().schema) ? TelemetryApi::logs : TelemetryApi::telemetry;
  }
  return std::nullopt;
}

void TelemetryFeed::hurry() {
  for (const Entry& entry : deliveries_) entry.delivery->hurry();
}

bool TelemetryFeed::idle() const {
  return std::all_of(deliveries_.begin(), deliveries_.end(), [](const Entry& entry) { return entry.delivery->idle(); });
}

void TelemetryFeed::check_idle() {
  if (!drained_ || !idle()) return;
  std::exchange(drained_, nullptr)->set(true);
}

Task<void> TelemetryFeed::drain(Deadline deadline) {
  hurry();
  if (idle()) co_return;
  Completion<bool> done;
  drained_ = &done;
  Timer timer(loop_);
  timer.arm(deadline, [this] {
    if (drained_) std::exchange(drained_, nullptr)->set(false);
  });
  co_await done;
}

void TelemetryFeed::close() {
  backlog_ = nullptr;
  for (const Entry& entry : std::exchange(deliveries_, {})) entry.delivery->close();
  if (drained_) std::exchange(drained_, nullptr)->set(false);
}

}  // namespace kiln
