// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_ring.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

namespace kiln {
namespace {

constexpr std::size_t smallest_segment = 4 * 1024;
constexpr std::size_t segments_of_a_full_ring = 16;
constexpr std::size_t alignment = 8;
constexpr std::size_t most_texts = 5;
constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

/// Goes before the packed bytes of every event; the texts follow, then padding.
struct Head {
  std::uint32_t length = 0;  ///< of the whole event
  std::uint8_t kind = 0;     ///< index in LogEvent::Body
  std::uint8_t origin = 0;
  std::uint16_t stream = 0;
  std::int64_t time_ns = 0;
  std::array<std::uint32_t, most_texts> texts{};
  std::uint32_t figures = 0;  ///< bytes of figures between the head and the texts
};

struct ReportFigures {
  std::int64_t duration_ns = 0;
  std::int64_t billed_ms = none;
  std::int64_t init_ns = none;
  std::int64_t restore_ns = none;
  std::int32_t memory_size_mb = 0;
  std::int32_t max_memory_used_mb = 0;
  std::int64_t reported = 0;
};

struct RuntimeDoneFigures {
  std::int64_t duration_ns = 0;
  std::int64_t produced_bytes = none;
  std::int64_t latency_ns = none;
  std::int64_t response_ns = none;
};

struct DroppedFigures {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

std::int64_t packed(const std::optional<std::chrono::nanoseconds>& duration) {
  return duration ? duration->count() : none;
}
std::optional<std::chrono::nanoseconds> unpacked(std::int64_t ns) {
  if (ns == none) return std::nullopt;
  return std::chrono::nanoseconds(ns);
}

/// What an event's packed form consists of, before it is packed.
struct Parts {
  std::array<std::string_view, most_texts> texts{};
  std::array<char, sizeof(ReportFigures)> figures{};
  std::uint32_t figure_bytes = 0;
  std::uint8_t origin = 0;

  void set_kind(const InitKind& kind) {
    origin = static_cast<std::uint8_t>((kind.phase == InitPhase::invoke ? 1 : 0) | (kind.snap_start ? 2 : 0));
  }

  template <class Figures>
  void set_figures(const Figures& values) {
    static_assert(std::is_trivially_copyable_v<Figures> && sizeof(Figures) <= sizeof(ReportFigures));
    std::memcpy(figures.data(), &values, sizeof values);
    figure_bytes = sizeof values;
  }
};

struct Splitter {
  Parts& parts;
  void operator()(const InitStart& e) const {
    parts.texts = {e.runtime_version, e.runtime_version_arn, e.function_name, e.function_version, e.instance_id};
    parts.set_kind(e.kind);
  }
  void operator()(const InitRuntimeDone& e) const {
    parts.texts = {e.status, e.error_type};
    parts.set_kind(e.kind);
  }
  void operator()(const InitReport& e) const {
    parts.texts = {e.status, e.error_type};
    parts.set_kind(e.kind);
    parts.set_figures(static_cast<std::int64_t>(e.duration.count()));
  }
  void operator()(const RestoreStart& e) const {
    parts.texts = {e.runtime_version, e.runtime_version_arn, e.function_name, e.function_version, e.instance_id};
  }
  void operator()(const RestoreRuntimeDone& e) const { parts.texts = {e.status, e.error_type}; }
  void operator()(const RestoreReport& e) const {
    parts.texts = {e.status, e.error_type};
    parts.set_figures(static_cast<std::int64_t>(e.duration.count()));
  }
  void operator()(const InvocationStart& e) const { parts.texts = {e.request_id, e.version, e.trace_id}; }
  void operator()(const RuntimeDone& e) const {
    parts.texts = {e.request_id, e.status, e.error_type, e.trace_id};
    RuntimeDoneFigures figures;
    figures.duration_ns = e.duration.count();
    if (e.produced_bytes) figures.produced_bytes = static_cast<std::int64_t>(*e.produced_bytes);
    figures.latency_ns = packed(e.response_latency);
    figures.response_ns = packed(e.response_duration);
    parts.set_figures(figures);
  }
  void operator()(const ExtensionInit& e) const { parts.texts = {e.name, e.state, e.events, e.error_type}; }
  void operator()(const Subscribed& e) const {
    parts.texts = {e.name, e.types};
    parts.origin = e.by_logs_api ? 1 : 0;
  }
  void operator()(const RecordsDropped& e) const {
    parts.texts = {e.reason};
    parts.set_figures(DroppedFigures{e.bytes, e.records});
  }
  void operator()(const OutputLine& e) const {
    parts.texts = {e.request_id, e.text};
    parts.origin = static_cast<std::uint8_t>(e.origin);
  }
  void operator()(const Fault& e) const { parts.texts = {e.request_id, e.text}; }
  void operator()(const InvocationEnd& e) const { parts.texts = {e.request_id}; }
  void operator()(const Report& e) const {
    parts.texts = {e.request_id, e.status, e.error_type, e.trace_id};
    ReportFigures figures;
    figures.duration_ns = e.duration.count();
    if (e.billed_ms) figures.billed_ms = *e.billed_ms;
    figures.init_ns = packed(e.init_duration);
    figures.restore_ns = packed(e.restore_duration);
    figures.memory_size_mb = e.memory_size_mb;
    figures.max_memory_used_mb = e.max_memory_used_mb;
    figures.reported = e.reported ? 1 : 0;
    parts.set_figures(figures);
  }
  void operator()(const Truncation& e) const {
    parts.texts = {e.request_id};
    parts.set_figures(e.budget_bytes);
  }
};

struct Packed {
  const Head& head;
  const char* figure_bytes;
  std::array<std::string_view, most_texts> texts;

  template <class Figures>
  Figures figures() const {
    Figures values;
    std::memcpy(&values, figure_bytes, sizeof values);
    return values;
  }

  InitKind kind() const {
    return {(head.origin & 1) != 0 ? InitPhase::invoke : InitPhase::init, (head.origin & 2) != 0};
  }

  void restore(InitStart& e) const {
    e.runtime_version = texts[0];
    e.runtime_version_arn = texts[1];
    e.function_name = texts[2];
    e.function_version = texts[3];
    e.instance_id = texts[4];
    e.kind = kind();
  }
  void restore(InitRuntimeDone& e) const {
    e.status = texts[0];
    e.error_type = texts[1];
    e.kind = kind();
  }
  void restore(InitReport& e) const {
    e.status = texts[0];
    e.error_type = texts[1];
    e.duration = std::chrono::nanoseconds(figures<std::int64_t>());
    e.kind = kind();
  }
  void restore(RestoreStart& e) const {
    e.runtime_version = texts[0];
    e.runtime_version_arn = texts[1];
    e.function_name = texts[2];
    e.function_version = texts[3];
    e.instance_id = texts[4];
  }
  void restore(RestoreRuntimeDone& e) const {
    e.status = texts[0];
    e.error_type = texts[1];
  }
  void restore(RestoreReport& e) const {
    e.status = texts[0];
    e.error_type = texts[1];
    e.duration = std::chrono::nanoseconds(figures<std::int64_t>());
  }
  void restore(InvocationStart& e) const {
    e.request_id = texts[0];
    e.version = texts[1];
    e.trace_id = texts[2];
  }
  void restore(RuntimeDone& e) const {
    e.request_id = texts[0];
    e.status = texts[1];
    e.error_type = texts[2];
    e.trace_id = texts[3];
    const auto values = figures<RuntimeDoneFigures>();
    e.duration = std::chrono::nanoseconds(values.duration_ns);
    if (values.produced_bytes != none) e.produced_bytes = static_cast<std::uint64_t>(values.produced_bytes);
    e.response_latency = unpacked(values.latency_ns);
    e.response_duration = unpacked(values.response_ns);
  }
  void restore(ExtensionInit& e) const {
    e.name = texts[0];
    e.state = texts[1];
    e.events = texts[2];
    e.error_type = texts[3];
  }
  void restore(Subscribed& e) const {
    e.name = texts[0];
    e.types = texts[1];
    e.by_logs_api = head.origin != 0;
  }
  void restore(RecordsDropped& e) const {
    e.reason = texts[0];
    const auto values = figures<DroppedFigures>();
    e.bytes = values.bytes;
    e.records = values.records;
  }
  void restore(OutputLine& e) const {
    e.request_id = texts[0];
    e.text = texts[1];
    e.origin = static_cast<OutputOrigin>(head.origin);
  }
  void restore(Fault& e) const {
    e.request_id = texts[0];
    e.text = texts[1];
  }
  void restore(InvocationEnd& e) const { e.request_id = texts[0]; }
  void restore(Report& e) const {
    e.request_id = texts[0];
    e.status = texts[1];
    e.error_type = texts[2];
    e.trace_id = texts[3];
    const auto values = figures<ReportFigures>();
    e.duration = std::chrono::nanoseconds(values.duration_ns);
    if (values.billed_ms != none) e.billed_ms = values.billed_ms;
    e.init_duration = unpacked(values.init_ns);
    e.restore_duration = unpacked(values.restore_ns);
    e.reported = values.reported != 0;
    e.memory_size_mb = values.memory_size_mb;
    e.max_memory_used_mb = values.max_memory_used_mb;
  }
  void restore(Truncation& e) const {
    e.request_id = texts[0];
    e.budget_bytes = figures<std::uint64_t>();
  }
};

/// Makes `body` the alternative numbered `kind` and fills it.
template <std::size_t kind = 0>
void restore(LogEvent::Body& body, const Packed& packed) {
  if constexpr (kind < std::variant_size_v<LogEvent::Body>) {
    if (packed.head.kind == kind) {
      packed.restore(body.emplace<kind>());
    } else {
      restore<kind + 1>(body, packed);
    }
  }
}

}  // namespace

std::pair<LogEvent, std::size_t> unpack_event(const char* at, const LogStreams& streams) {
  Head head;
  std::memcpy(&head, at, sizeof head);
  Packed packed{head, at + sizeof head, {}};
  const char* text = packed.figure_bytes + head.figures;
  for (std::size_t i = 0; i < packed.texts.size(); ++i) {
    packed.texts[i] = std::string_view(text, head.texts[i]);
    text += head.texts[i];
  }
  const LogStream& stream = *streams[head.stream];
  LogEvent event;
  event.time = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(head.time_ns)));
  event.stream = stream.name;
  event.format = stream.format;
  restore(event.body, packed);
  return {event, head.length};
}

std::uint64_t LogRing::append(const std::shared_ptr<const LogStream>& stream, const LogEvent& event) {
  Parts parts;
  std::visit(Splitter{parts}, event.body);
  Head head;
  head.kind = static_cast<std::uint8_t>(event.body.index());
  head.origin = parts.origin;
  head.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(event.time.time_since_epoch()).count();
  head.figures = parts.figure_bytes;
  std::size_t length = sizeof head + parts.figure_bytes;
  for (std::size_t i = 0; i < parts.texts.size(); ++i) {
    head.texts[i] = static_cast<std::uint32_t>(parts.texts[i].size());
    length += parts.texts[i].size();
  }
  length = (length + alignment - 1) / alignment * alignment;
  head.length = static_cast<std::uint32_t>(length);

  LogSegment& segment = segment_for(length);
  head.stream = place_of(segment, stream);
  char* out = segment.bytes.get() + segment.used;
  std::memcpy(out, &head, sizeof head);
  out += sizeof head;
  std::memcpy(out, parts.figures.data(), parts.figure_bytes);
  out += parts.figure_bytes;
  for (const auto text : parts.texts) {
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    out += text.size();
  }
  const std::uint64_t position = segment.position + segment.used;
  segment.used += length;
  if (for_disk_) unwritten_bytes_ += length;
  return position;
}

LogSegment& LogRing::segment_for(std::size_t size) {
  // A segment that has met as many streams as an event can name is full, whatever room it has left.
  const auto fits = [size](const LogSegment& segment) {
    return segment.used + size <= segment.capacity &&
           segment.streams.size() < std::numeric_limits<std::uint16_t>::max();
  };
  if (segments_.empty() || !fits(*segments_.back())) {
    const std::size_t largest = std::max(smallest_segment, limit_ / segments_of_a_full_ring);
    const std::size_t next = segments_.empty() ? smallest_segment : std::min(largest, segments_.back()->capacity * 2);
    const std::size_t capacity = std::max(size, next);
    const std::uint64_t position = segments_.empty() ? 0 : segments_.back()->position + segments_.back()->used;
    auto segment = std::make_shared<LogSegment>(capacity, position);
    while (!segments_.empty() && held_ + capacity > limit_) {
      held_ -= segments_.front()->capacity;
      segments_.pop_front();
    }
    if (for_disk_) unwritten_.push_back(segment);
    segments_.push_back(std::move(segment));
    held_ += capacity;
  }
  return *segments_.back();
}

std::uint16_t LogRing::place_of(LogSegment& segment, const std::shared_ptr<const LogStream>& stream) {
  // From the end: the instance that wrote last is the one most likely to write.
  for (std::size_t i = segment.streams.size(); i-- > 0;) {
    if (segment.streams[i] == stream) return static_cast<std::uint16_t>(i);
  }
  segment.streams.push_back(stream);
  return static_cast<std::uint16_t>(segment.streams.size() - 1);
}

std::vector<LogSlice> LogRing::take_unwritten() {
  std::vector<LogSlice> slices;
  for (const auto& segment : unwritten_) {
    if (segment->used > unwritten_from_) slices.push_back({segment, unwritten_from_, segment->used, segment->streams});
    unwritten_from_ = 0;
  }
  if (!unwritten_.empty()) {
    unwritten_.erase(unwritten_.begin(), unwritten_.end() - 1);
    unwritten_from_ = unwritten_.front()->used;
  }
  unwritten_bytes_ = 0;
  return slices;
}

void LogRing::disconnect_disk() {
  for_disk_ = false;
  unwritten_.clear();
  unwritten_from_ = unwritten_bytes_ = 0;
}

}  // namespace kiln
