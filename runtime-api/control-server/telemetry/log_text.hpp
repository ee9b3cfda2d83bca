// SPDX-License-Identifier: Apache-2.0
// Log events as text: exactly as the real service's log streams have them, and as people read them. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime-api/control-server/telemetry/log_event.hpp"

namespace kiln {

/// Appends raw output as valid UTF-8 that moves no cursor and rings no bell: bad bytes become U+FFFD, control characters
/// `\x1b` or `\u009b`. Tabs, newlines and carriage returns stay.
void append_printable(std::string& out, std::string_view raw);

/// Appends "2026-11-22T05:48:26.123Z".
void append_time(std::string& out, std::chrono::system_clock::time_point time);

/// The same for many events: the calendar is asked once a second of theirs, which is most of what a line costs.
class TimeText {
 public:
  /// The text is valid until the next call.
  std::string_view of(std::chrono::system_clock::time_point time);

 private:
  std::chrono::seconds second_ = std::chrono::seconds::min();
  std::string text_;
};

/// A duration as shown, rounded up to a whole millisecond, one at least.
std::int64_t rounded_up_ms(std::chrono::nanoseconds duration);
/// What is billed of an invocation: what its report says, or its duration and that of a restore, each rounded up.
std::int64_t billed_ms(const Report& report);

/// Appends milliseconds with at most two decimals: "3.01", "110.1", "4".
void append_short_ms(std::string& out, std::chrono::nanoseconds duration);

/// Whether a log of that format has a line for such an event.
bool has_line(LogFormat format, const LogEvent::Body& body);
inline bool has_line(const LogEvent& event) { return has_line(event.format, event.body); }

/// Appends the event's line in its stream's format, without a newline at its end; nothing where it has none.
void append_line(std::string& out, const LogEvent& event);

/// Appends `line`, as append_line made it, for people: behind `time` and a space where `time` is not empty, with a newline
/// at its end. What follows a newline or carriage return inside the line goes on a line of its own, indented: no output can
/// look like an event it is not.
void append_shown(std::string& out, std::string_view time, std::string_view line);

}  // namespace kiln
