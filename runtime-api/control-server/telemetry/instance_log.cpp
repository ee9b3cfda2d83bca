// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/instance_log.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/control-server/telemetry/function_log.hpp"
#include "runtime-api/control-server/telemetry/log_text.hpp"
#include "runtime-api/control-server/telemetry/telemetry_feed.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

/// A line longer than this is cut, as the real service cuts its log events.
constexpr std::size_t longest_line = 256 * 1024;

bool inside_utf8(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Where to cut text longer than `longest_line`: not within a character, where it holds any.
std::size_t place_to_cut(std::string_view text) {
  std::size_t at = longest_line;
  while (at > longest_line - 4 && inside_utf8(text[at])) --at;
  return at;
}

/// A runtime's own clock is this machine's; what it says is believed within these bounds.
constexpr std::chrono::minutes oldest_frame{15};

}  // namespace

InstanceLog::InstanceLog() = default;

InstanceLog::InstanceLog(std::shared_ptr<FunctionLog> log, std::shared_ptr<const LogStream> stream,
                         std::unique_ptr<TelemetryFeed> telemetry)
    : log_(std::move(log)), stream_(std::move(stream)), telemetry_(std::move(telemetry)) {}

InstanceLog::~InstanceLog() { flush_partial_lines(LogTime::clock::now()); }

InstanceLog::InstanceLog(InstanceLog&& other) noexcept = default;

InstanceLog& InstanceLog::operator=(InstanceLog&& other) noexcept {
  if (this == &other) return *this;
  flush_partial_lines(LogTime::clock::now());
  log_ = std::move(other.log_);
  stream_ = std::move(other.stream_);
  telemetry_ = std::move(other.telemetry_);
  running_ = std::move(other.running_);
  unattributed_ = std::move(other.unattributed_);
  partial_ = std::move(other.partial_);
  last_started_ = std::move(other.last_started_);
  last_start_position_ = other.last_start_position_;
  return *this;
}

const std::string& InstanceLog::stream() const {
  static const std::string nothing;
  return stream_ ? stream_->name : nothing;
}

bool InstanceLog::listened_to() const { return telemetry_ && telemetry_->listening(); }

/// Everything that is not output: into the log where its format and level let it, and to whoever has subscribed.
void InstanceLog::record(const LogEvent::Body& body, LogTime at) {
  if (!log_) return;
  const bool weighty = stream_->format == LogFormat::text || level_of(body) >= stream_->system_level;
  if (weighty && has_line(stream_->format, body)) log_->record(stream_, body, at);
  if (listened_to()) telemetry_->take({log_->wall_time(at), stream_->name, stream_->format, body});
}

void InstanceLog::init_start(std::string_view runtime_version, std::string_view runtime_version_arn, LogTime at) {
  init_start(InitStart{runtime_version, runtime_version_arn}, at);
}

void InstanceLog::init_start(const InitStart& event, LogTime at) { record(event, at); }
void InstanceLog::init_runtime_done(const InitRuntimeDone& event, LogTime at) { record(event, at); }

void InstanceLog::init_report(const InitReport& event, LogTime at) {
  tell_lost(unattributed_, at);
  record(event, at);
}

void InstanceLog::restore_start(const RestoreStart& event, LogTime at) { record(event, at); }
void InstanceLog::restore_runtime_done(const RestoreRuntimeDone& event, LogTime at) { record(event, at); }
void InstanceLog::restore_report(const RestoreReport& event, LogTime at) { record(event, at); }

void InstanceLog::start(std::string_view request_id, std::string_view version, LogTime at) {
  start(InvocationStart{request_id, version}, at);
}

void InstanceLog::start(const InvocationStart& event, LogTime at) {
  if (!log_) return;
  // What was half-printed before belongs to what was before; the second of several in flight cuts nobody's line.
  if (running_.empty()) flush_partial_lines(at);
  tell_lost(unattributed_, at);
  unattributed_ = {};
  running_.push_back({.request_id = std::string(event.request_id)});
  last_started_ = event.request_id;
  last_start_position_ = log_->ring().end();
  record(event, at);
}

void InstanceLog::output(std::string_view bytes, OutputOrigin origin, LogTime at) {
  if (!log_) return;
  Running& owner = owner_of_output();
  std::string& partial = partial_[static_cast<std::size_t>(origin)];
  if (owner.truncated) {  // a flood costs no more than being read
    log_->dropped(bytes.size() + partial.size());
    if (listened_to()) {
      const auto newlines = static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
      owner.lost_lines += newlines;
      owner.lost_bytes += bytes.size() + partial.size() - newlines;
    }
    partial.clear();
    return;
  }
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    bytes.remove_prefix(newline == std::string_view::npos ? bytes.size() : newline + 1);
    if (!partial.empty() || newline == std::string_view::npos) {
      partial += piece;
      while (partial.size() > longest_line) {
        const std::size_t cut = place_to_cut(partial);
        line(owner, std::string_view(partial).substr(0, cut), origin, std::nullopt, at);
        partial.erase(0, cut);
      }
      if (newline == std::string_view::npos) return;
      line(owner, partial, origin, std::nullopt, at);
      partial.clear();
    } else {
      line(owner, piece, origin, std::nullopt, at);
    }
  }
}

void InstanceLog::message(std::string_view request_id, std::string_view text, OutputOrigin origin, LogTime at) {
  if (!log_) return;
  Running* owner = find(request_id);
  line(owner ? *owner : unattributed_, text, origin, std::nullopt, at);
}

void InstanceLog::frame(const LogFrame& frame, LogTime at) {
  if (!log_) return;
  if (frame.time) {
    const auto age = std::chrono::duration_cast<LogTime::duration>(log_->wall_time(at) - *frame.time);
    if (age > LogTime::duration::zero() && age < oldest_frame) at -= age;
  }
  std::string_view text = frame.text;
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  Running& owner = owner_of_output();
  while (text.size() > longest_line) {
    const std::size_t cut = place_to_cut(text);
    line(owner, text.substr(0, cut), OutputOrigin::standard_output, frame.level, at);
    text.remove_prefix(cut);
  }
  line(owner, text, OutputOrigin::standard_output, frame.level, at);
}

void InstanceLog::fault(std::string_view request_id, std::string_view text, LogTime at) {
  if (!log_) return;
  if (running_.size() <= 1) flush_partial_lines(at);
  record(Fault{request_id, text}, at);
}

bool InstanceLog::wants_runtime_done() const { return log_ && (listened_to() || stream_->format == LogFormat::json); }

void InstanceLog::runtime_done(const RuntimeDone& event, LogTime at) {
  if (wants_runtime_done()) record(event, at);
}

void InstanceLog::end(std::string_view request_id, LogTime at) {
  if (!log_) return;
  if (running_.size() == 1) flush_partial_lines(at);
  if (Running* const running = find(request_id)) tell_lost(*running, at);
  std::erase_if(running_, [request_id](const Running& running) { return running.request_id == request_id; });
  record(InvocationEnd{request_id}, at);
}

void InstanceLog::report(const Report& report, LogTime at) { record(report, at); }
void InstanceLog::extension(const ExtensionInit& event, LogTime at) { record(event, at); }
void InstanceLog::subscribed(const Subscribed& event, LogTime at) { record(event, at); }

std::string InstanceLog::tail(std::string_view request_id) const {
  std::string text;
  if (!log_) return text;
  std::vector<LogEvent> events;
  log_->ring().each(request_id == last_started_ ? last_start_position_ : 0, [&](const LogEvent& event) {
    if (event.stream == stream_->name && kiln::request_id(event) == request_id) events.push_back(event);
  });
  // From the end: only what fits is turned into text.
  std::size_t first = events.size();
  std::vector<std::string> lines;
  for (std::size_t size = 0; first > 0 && size < limits::max_log_tail;) {
    std::string line;
    if (const LogEvent& event = events[--first]; has_line(event)) {
      append_line(line, event);
      line += '\n';
    }
    size += line.size();
    lines.push_back(std::move(line));
  }
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += *line;
  if (text.size() > limits::max_log_tail) {
    std::size_t cut = text.size() - limits::max_log_tail;
    while (cut < text.size() && inside_utf8(text[cut])) ++cut;
    text.erase(0, cut);
  }
  return text;
}

InstanceLog::Running& InstanceLog::owner_of_output() { return running_.size() == 1 ? running_.front() : unattributed_; }

InstanceLog::Running* InstanceLog::find(std::string_view request_id) {
  for (Running& running : running_) {
    if (running.request_id == request_id) return &running;
  }
  return nullptr;
}

void InstanceLog::line(Running& owner, std::string_view text, OutputOrigin origin, std::optional<LogLevel> level,
                       LogTime at) {
  if (owner.truncated || owner.bytes + text.size() >= log_->budget()) {
    if (!std::exchange(owner.truncated, true)) log_->record(stream_, Truncation{owner.request_id, log_->budget()}, at);
    log_->dropped(text.size() + 1);
    if (listened_to()) {
      ++owner.lost_lines;
      owner.lost_bytes += text.size();
    }
    return;
  }
  owner.bytes += text.size() + 1;  // with its newline
  const OutputLine body{owner.request_id, text, origin};
  const bool weighty =
      stream_->format == LogFormat::text || (level ? *level : level_of_line(text)) >= stream_->application_level;
  if (weighty) log_->record(stream_, body, at);
  if (listened_to()) telemetry_->take({log_->wall_time(at), stream_->name, stream_->format, body});
}

/// Tells subscribers what they have missed because it was beyond the budget. The log says so where it begins.
void InstanceLog::tell_lost(Running& owner, LogTime at) {
  if (owner.lost_lines == 0 && owner.lost_bytes == 0) return;
  const RecordsDropped lost{"Output beyond the budget of an invocation.", std::exchange(owner.lost_bytes, 0),
                            std::exchange(owner.lost_lines, 0)};
  if (listened_to()) telemetry_->take({log_->wall_time(at), stream_->name, stream_->format, lost});
}

void InstanceLog::flush_partial_lines(LogTime at) {
  if (!log_) return;
  Running& owner = owner_of_output();
  for (std::size_t origin = 0; origin < partial_.size(); ++origin) {
    if (partial_[origin].empty()) continue;
    line(owner, partial_[origin], static_cast<OutputOrigin>(origin), std::nullopt, at);
    partial_[origin].clear();
  }
}

}  // namespace kiln
