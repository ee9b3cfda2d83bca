// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/instance_log.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/control-server/telemetry/function_log.hpp"
#include "runtime-api/control-server/telemetry/log_text.hpp"
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

}  // namespace

InstanceLog::InstanceLog() = default;

InstanceLog::InstanceLog(std::shared_ptr<FunctionLog> log, std::shared_ptr<const LogStream> stream)
    : log_(std::move(log)), stream_(std::move(stream)) {}

InstanceLog::~InstanceLog() { flush_partial_lines(LogTime::clock::now()); }

InstanceLog::InstanceLog(InstanceLog&& other) noexcept = default;

InstanceLog& InstanceLog::operator=(InstanceLog&& other) noexcept {
  if (this == &other) return *this;
  flush_partial_lines(LogTime::clock::now());
  log_ = std::move(other.log_);
  stream_ = std::move(other.stream_);
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

void InstanceLog::init_start(std::string_view runtime_version, std::string_view runtime_version_arn, LogTime at) {
  if (log_) log_->record(stream_, InitStart{runtime_version, runtime_version_arn}, at);
}

void InstanceLog::start(std::string_view request_id, std::string_view version, LogTime at) {
  if (!log_) return;
  // What was half-printed before belongs to what was before; the second of several in flight cuts nobody's line.
  if (running_.empty()) flush_partial_lines(at);
  unattributed_ = {};
  running_.push_back({.request_id = std::string(request_id)});
  last_started_ = request_id;
  last_start_position_ = log_->record(stream_, InvocationStart{request_id, version}, at);
}

void InstanceLog::output(std::string_view bytes, OutputOrigin origin, LogTime at) {
  if (!log_) return;
  Running& owner = owner_of_output();
  std::string& partial = partial_[static_cast<std::size_t>(origin)];
  if (owner.truncated) {  // a flood costs no more than being read
    log_->dropped(bytes.size() + partial.size());
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
        line(owner, std::string_view(partial).substr(0, cut), origin, at);
        partial.erase(0, cut);
      }
      if (newline == std::string_view::npos) return;
      line(owner, partial, origin, at);
      partial.clear();
    } else {
      line(owner, piece, origin, at);
    }
  }
}

void InstanceLog::message(std::string_view request_id, std::string_view text, OutputOrigin origin, LogTime at) {
  if (!log_) return;
  Running* owner = find(request_id);
  line(owner ? *owner : unattributed_, text, origin, at);
}

void InstanceLog::fault(std::string_view request_id, std::string_view text, LogTime at) {
  if (!log_) return;
  if (running_.size() <= 1) flush_partial_lines(at);
  log_->record(stream_, Fault{request_id, text}, at);
}

void InstanceLog::end(std::string_view request_id, LogTime at) {
  if (!log_) return;
  if (running_.size() == 1) flush_partial_lines(at);
  std::erase_if(running_, [request_id](const Running& running) { return running.request_id == request_id; });
  log_->record(stream_, InvocationEnd{request_id}, at);
}

void InstanceLog::report(const Report& report, LogTime at) {
  if (log_) log_->record(stream_, report, at);
}

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

void InstanceLog::line(Running& owner, std::string_view text, OutputOrigin origin, LogTime at) {
  if (!owner.truncated) {
    if (owner.bytes + text.size() < log_->budget()) {
      owner.bytes += text.size() + 1;  // with its newline
      log_->record(stream_, OutputLine{owner.request_id, text, origin}, at);
      return;
    }
    owner.truncated = true;
    log_->record(stream_, Truncation{owner.request_id, log_->budget()}, at);
  }
  log_->dropped(text.size() + 1);
}

void InstanceLog::flush_partial_lines(LogTime at) {
  if (!log_) return;
  Running& owner = owner_of_output();
  for (std::size_t origin = 0; origin < partial_.size(); ++origin) {
    if (partial_[origin].empty()) continue;
    line(owner, partial_[origin], static_cast<OutputOrigin>(origin), at);
    partial_[origin].clear();
  }
}

}  // namespace kiln
