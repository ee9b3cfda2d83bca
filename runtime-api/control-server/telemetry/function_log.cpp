// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/function_log.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/control-server/telemetry/log_text.hpp"

namespace kiln {
namespace {

/// So much for the disk is handed over at once: a flood must not pile up for the whole write interval.
constexpr std::size_t urgent_bytes = 256 * 1024;

}  // namespace

void LogSubscription::State::end() {
  ended = true;
  if (calls == 0) callback = nullptr;
}

LogSubscription& LogSubscription::operator=(LogSubscription&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
  }
  return *this;
}

void LogSubscription::end() {
  if (const auto state = std::exchange(state_, nullptr)) state->end();
}

FunctionLog::FunctionLog(std::string name, const LogOptions& options, Hooks hooks)
    : name_(std::move(name)),
      budget_(options.budget_per_invocation),
      ring_(options.memory_per_function, hooks.on_unwritten != nullptr),
      hooks_(std::move(hooks)) {}

std::uint64_t FunctionLog::record(const std::shared_ptr<const LogStream>& stream, const LogEvent::Body& body,
                                  LogTime at) {
  const LogEvent event{wall_time(at), stream->name, stream->format, body};
  const std::uint64_t position = ring_.append(stream, event);
  if (hooks_.on_unwritten && !told_of_unwritten_) {
    told_of_unwritten_ = true;
    hooks_.on_unwritten(false);
  }
  if (ring_.unwritten_bytes() > urgent_bytes && !told_urgently_) {
    told_urgently_ = true;
    hooks_.on_unwritten(true);
  }
  if (!subscriptions_.empty()) notify(event);
  return position;
}

std::chrono::system_clock::time_point FunctionLog::wall_time(LogTime at) {
  // A clock costs as much as the rest of recording, and callers have asked the steady one anyway. Once a second is often
  // enough to follow a wall clock that is being set.
  if (wall_asked_ == LogTime() || at - wall_asked_ > std::chrono::seconds(1)) {
    wall_asked_ = LogTime::clock::now();
    wall_offset_ = std::chrono::system_clock::now().time_since_epoch() -
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(wall_asked_.time_since_epoch());
  }
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(at.time_since_epoch()) + wall_offset_);
}

void FunctionLog::dropped(std::uint64_t bytes) {
  if (hooks_.on_dropped) hooks_.on_dropped(bytes);
}

void FunctionLog::subscribe(std::shared_ptr<LogSubscription::State> subscription) {
  if (notifying_ == 0) std::erase_if(subscriptions_, [](const auto& s) { return s->ended; });
  subscriptions_.push_back(std::move(subscription));
}

std::vector<LogSlice> FunctionLog::take_unwritten() {
  told_of_unwritten_ = told_urgently_ = false;
  return ring_.take_unwritten();
}

void FunctionLog::disconnect() {
  hooks_ = {};
  ring_.disconnect_disk();
  for (const auto& subscription : std::exchange(subscriptions_, {})) subscription->end();
}

void FunctionLog::notify(const LogEvent& event) {
  if (!has_line(event)) return;
  std::string line;
  append_line(line, event);
  std::string time;
  if (event.format == LogFormat::text) append_time(time, event.time);
  std::string shown;
  ++notifying_;
  // By index and with a copy of each: callbacks may subscribe, end subscriptions, and delete the function.
  for (std::size_t i = 0; i < subscriptions_.size(); ++i) {
    const auto subscription = subscriptions_[i];
    if (subscription->ended || !matches(subscription->query, event.stream, request_id(event))) continue;
    shown.clear();
    append_shown(shown, subscription->query.times ? time : std::string_view(), line);
    ++subscription->calls;
    subscription->callback(event, shown);
    if (--subscription->calls == 0 && subscription->ended) subscription->callback = nullptr;
  }
  if (--notifying_ == 0) std::erase_if(subscriptions_, [](const auto& s) { return s->ended; });
}

bool matches(const LogQuery& query, std::string_view stream, std::string_view request_id) {
  if (!query.request_id.empty() && query.request_id != request_id) return false;
  if (!query.stream.empty() && query.stream != stream) return false;
  return query.outside_invocations || !request_id.empty();
}

}  // namespace kiln
