// SPDX-License-Identifier: Apache-2.0
// What a log is made of: structured events, so that nothing a function prints can pass for the platform's own lines. The
// Telemetry API delivers the same events.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "runtime-api/control-server/telemetry/log_level.hpp"

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

/// Where an init runs: by itself, or once more within the first invocation, after the first attempt has failed.
enum class InitPhase : std::uint8_t { init, invoke };
/// "init", "invoke".
std::string_view to_string(InitPhase phase);

/// Which init phase this is.
struct InitKind {
  InitPhase phase = InitPhase::init;
  bool snap_start = false;  ///< of a function that starts from a snapshot
};

/// An instance begins its init phase. Opens a log stream.
struct InitStart {
  std::string_view runtime_version = {};      ///< "python:3.11.kiln0"
  std::string_view runtime_version_arn = {};  ///< empty where there is none
  std::string_view function_name = {};        ///< empty where nobody said, as the two below
  std::string_view function_version = {};
  std::string_view instance_id = {};
  InitKind kind = {};
};

/// The runtime has polled for its first event, or has failed to. `status` as everywhere below: "" (success), "error" (the
/// function or its runtime failed), "timeout", "failure" (the platform failed).
struct InitRuntimeDone {
  std::string_view status = {};
  std::string_view error_type = {};  ///< empty where there is none
  InitKind kind = {};
};

/// The figures of an init phase that is over.
struct InitReport {
  std::chrono::nanoseconds duration{0};
  std::string_view status = {};
  std::string_view error_type = {};
  InitKind kind = {};
};

/// A runtime that is started from a snapshot goes on from there.
struct RestoreStart {
  std::string_view runtime_version = {};
  std::string_view runtime_version_arn = {};
  std::string_view function_name = {};
  std::string_view function_version = {};
  std::string_view instance_id = {};
};

/// Its hooks have run, or have failed.
struct RestoreRuntimeDone {
  std::string_view status = {};
  std::string_view error_type = {};
};

struct RestoreReport {
  std::chrono::nanoseconds duration{0};
  std::string_view status = {};
  std::string_view error_type = {};
};

struct InvocationStart {
  std::string_view request_id = {};
  std::string_view version = {};   ///< "$LATEST"
  std::string_view trace_id = {};  ///< as in X-Amzn-Trace-Id; empty where there is none
};

/// The runtime has answered, or will not any more. Extensions may still be at work.
struct RuntimeDone {
  std::string_view request_id = {};
  std::string_view status = {};
  std::string_view error_type = {};
  std::string_view trace_id = {};
  std::chrono::nanoseconds duration{0};                            ///< from the event's dispatch to its answer
  std::optional<std::uint64_t> produced_bytes = {};                ///< of the response; empty where there is none
  std::optional<std::chrono::nanoseconds> response_latency = {};   ///< from the dispatch to the response's first byte …
  std::optional<std::chrono::nanoseconds> response_duration = {};  ///< … and from there to its last
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
  std::optional<std::int64_t> billed_ms = {};                  ///< empty: duration and restore, each rounded up
  int memory_size_mb = 0;                                      ///< the function's limit
  int max_memory_used_mb = 0;                                  ///< the instance's peak
  std::optional<std::chrono::nanoseconds> init_duration = {};  ///< the instance's first invocation only
  std::string_view status = {};                                ///< "" (success), "timeout", "error"
  std::string_view error_type = {};                            ///< "Runtime.ExitError"; empty where there is none
  std::string_view trace_id = {};
  /// From the end of a wait to be restored to the first poll; the instance's first invocation only. It is billed.
  std::optional<std::chrono::nanoseconds> restore_duration = {};
  /// The error is one the function reported itself. As in the real service, text logs do not call that an error.
  bool reported = false;
};

/// From here on the invocation's output was dropped, for want of budget.
struct Truncation {
  std::string_view request_id = {};
  std::uint64_t budget_bytes = 0;
};

/// An extension has registered, or failed to initialize.
struct ExtensionInit {
  std::string_view name = {};
  std::string_view state = {};       ///< "Ready"
  std::string_view events = {};      ///< "INVOKE,SHUTDOWN"
  std::string_view error_type = {};  ///< empty where there is none
};

/// An extension has subscribed to an instance's events.
struct Subscribed {
  std::string_view name = {};
  std::string_view types = {};  ///< "platform,function"
  bool by_logs_api = false;     ///< the Logs API, else the Telemetry API
};

/// Events that a subscriber has missed.
struct RecordsDropped {
  std::string_view reason = {};
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

/// One event of a log stream.
struct LogEvent {
  using Body = std::variant<InitStart, InvocationStart, OutputLine, Fault, InvocationEnd, Report, Truncation,
                            InitRuntimeDone, InitReport, RuntimeDone, ExtensionInit, Subscribed, RecordsDropped,
                            RestoreStart, RestoreRuntimeDone, RestoreReport>;

  std::chrono::system_clock::time_point time = {};
  std::string_view stream = {};  ///< "2026/11/22/[$LATEST]" and 32 hexadecimal digits
  LogFormat format = LogFormat::text;
  Body body = {};
};

/// The request id an event belongs to; empty where it belongs to none.
std::string_view request_id(const LogEvent& event);

/// How weighty an event of the platform is (developer guide, "System log level event mapping"). Output has its own level.
LogLevel level_of(const LogEvent::Body& body);

/// The event's name in the Telemetry API: "platform.initStart", "platform.start", "platform.report", "function",
/// "extension", …
std::string_view type_name(const LogEvent& event);

}  // namespace kiln
