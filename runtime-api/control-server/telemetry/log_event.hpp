// SPDX-License-Identifier: Apache-2.0
// What a log is made of: structured events, so that nothing a function prints can pass for the platform's own lines. The
// Telemetry API delivers the same events.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace kiln {

/// When an event happened, as recorders know it. Those that have just asked the clock hand its answer on: asking is dearer
/// than recording.
using LogTime = std::chrono::steady_clock::time_point;

/// How a function's LoggingConfig wants the platform's own lines.
enum class LogFormat : std::uint8_t { text, json };

/// Where output came from. Each has its own partial line.
enum class OutputOrigin : std::uint8_t { standard_output, standard_error, extension };

// The events. The views of an event handed in are copied before the call returns; those of an event handed out live as
// long as the call that hands it out.

/// An instance begins its init phase. Opens a log stream.
struct InitStart {
  std::string_view runtime_version = {};      ///< "python:3.11.kiln0"
  std::string_view runtime_version_arn = {};  ///< empty where there is none
};

struct InvocationStart {
  std::string_view request_id = {};
  std::string_view version = {};  ///< "$LATEST"
};

/// One line of output, or one framed message that may hold several. `text` is raw: any bytes, without its newline.
struct OutputLine {
  std::string_view request_id = {};  ///< empty where the line belongs to no invocation
  std::string_view text = {};
  OutputOrigin origin = OutputOrigin::standard_output;
};

/// The platform's words about a failure: "Error: Runtime exited with error: exit status 1\nRuntime.ExitError".
struct Fault {
  std::string_view request_id = {};  ///< empty for the init phase
  std::string_view text = {};
};

struct InvocationEnd {
  std::string_view request_id = {};
};

/// The figures of an invocation that is over.
struct Report {
  std::string_view request_id = {};
  std::chrono::nanoseconds duration{0};                        ///< from the event's dispatch to its answer
  std::optional<std::int64_t> billed_ms = {};                  ///< empty: duration rounded up to a whole millisecond
  int memory_size_mb = 0;                                      ///< the function's limit
  int max_memory_used_mb = 0;                                  ///< the instance's peak
  std::optional<std::chrono::nanoseconds> init_duration = {};  ///< the instance's first invocation only
  std::string_view status = {};                                ///< "" (success), "timeout", "error"
  std::string_view error_type = {};                            ///< "Runtime.ExitError"; empty where there is none
};

/// From here on the invocation's output was dropped, for want of budget.
struct Truncation {
  std::string_view request_id = {};
  std::uint64_t budget_bytes = 0;
};

/// One event of a log stream.
struct LogEvent {
  using Body = std::variant<InitStart, InvocationStart, OutputLine, Fault, InvocationEnd, Report, Truncation>;

  std::chrono::system_clock::time_point time = {};
  std::string_view stream = {};  ///< "2026/11/22/[$LATEST]" and 32 hexadecimal digits
  LogFormat format = LogFormat::text;
  Body body = {};
};

/// The request id an event belongs to; empty where it belongs to none.
std::string_view request_id(const LogEvent& event);

/// The event's name in the Telemetry API: "platform.initStart", "platform.start", "platform.report", "function",
/// "extension", …
std::string_view type_name(const LogEvent& event);

}  // namespace kiln
