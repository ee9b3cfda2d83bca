// SPDX-License-Identifier: Apache-2.0
// The log stream of one instance: what its instance records, on the warm path too.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/telemetry/log_event.hpp"
#include "runtime-api/control-server/telemetry/log_frames.hpp"

namespace kiln {

class FunctionLog;
class TelemetryFeed;
struct LogStream;

/// Data-plane thread only. Recording copies bytes into the function's ring; text is made when somebody reads. Movable;
/// a default-made one records nothing.
class InstanceLog {
 public:
  InstanceLog();
  ~InstanceLog();
  InstanceLog(InstanceLog&& other) noexcept;
  InstanceLog& operator=(InstanceLog&& other) noexcept;
  InstanceLog(const InstanceLog&) = delete;
  InstanceLog& operator=(const InstanceLog&) = delete;

  /// "2026/11/22/[$LATEST]" and 32 random hexadecimal digits (AWS_LAMBDA_LOG_STREAM_NAME); empty for a default-made one.
  const std::string& stream() const;

  /// The instance's subscribers; null for a default-made log. They get every event, whatever levels the log is held to.
  TelemetryFeed* telemetry() { return telemetry_.get(); }
  const TelemetryFeed* telemetry() const { return telemetry_.get(); }

  void init_start(std::string_view runtime_version, std::string_view runtime_version_arn = {},
                  LogTime at = LogTime::clock::now());
  void init_start(const InitStart& event, LogTime at = LogTime::clock::now());
  void init_runtime_done(const InitRuntimeDone& event, LogTime at = LogTime::clock::now());
  void init_report(const InitReport& event, LogTime at = LogTime::clock::now());
  void restore_start(const RestoreStart& event, LogTime at = LogTime::clock::now());
  void restore_runtime_done(const RestoreRuntimeDone& event, LogTime at = LogTime::clock::now());
  void restore_report(const RestoreReport& event, LogTime at = LogTime::clock::now());
  /// An invocation is dispatched. Output from here on is its own while it is the only one in flight.
  void start(std::string_view request_id, std::string_view version, LogTime at = LogTime::clock::now());
  void start(const InvocationStart& event, LogTime at = LogTime::clock::now());
  /// What the instance wrote. Lines are cut at newlines; the rest waits for its newline, for end(), or for the handle's
  /// end. Call it for all that is readable before end(), or the last lines miss their invocation.
  void output(std::string_view bytes, OutputOrigin origin = OutputOrigin::standard_output,
              LogTime at = LogTime::clock::now());
  /// One framed message. It belongs to whom output would belong to. Its own time counts, unless that cannot be.
  void frame(const LogFrame& frame, LogTime at = LogTime::clock::now());
  /// One message that knows its invocation (or, with an empty id, that it has none).
  void message(std::string_view request_id, std::string_view text, OutputOrigin origin = OutputOrigin::standard_output,
               LogTime at = LogTime::clock::now());
  /// The platform's words about a failure; see Fault.
  void fault(std::string_view request_id, std::string_view text, LogTime at = LogTime::clock::now());
  /// Whether somebody will see a runtime_done(); on the warm path it is not worth making else.
  bool wants_runtime_done() const;
  void runtime_done(const RuntimeDone& event, LogTime at = LogTime::clock::now());
  void end(std::string_view request_id, LogTime at = LogTime::clock::now());
  void report(const Report& report, LogTime at = LogTime::clock::now());
  void extension(const ExtensionInit& event, LogTime at = LogTime::clock::now());
  void subscribed(const Subscribed& event, LogTime at = LogTime::clock::now());

  /// The last 4 KB of an invocation's log as the log stream has it, beginning at START where that fits: the text of
  /// X-Amz-Log-Result before base64. What memory no longer holds is missing.
  std::string tail(std::string_view request_id) const;

 private:
  friend class LogStore;
  /// Output that is counted together: an invocation's, or all that belongs to none since the last start.
  struct Running {
    std::string request_id = {};
    std::uint64_t bytes = 0;
    bool truncated = false;
    std::uint64_t lost_bytes = 0;  // beyond the budget, as subscribers will be told
    std::uint64_t lost_lines = 0;
  };

  InstanceLog(std::shared_ptr<FunctionLog> log, std::shared_ptr<const LogStream> stream,
              std::unique_ptr<TelemetryFeed> telemetry);

  void record(const LogEvent::Body& body, LogTime at);
  bool listened_to() const;
  void tell_lost(Running& owner, LogTime at);
  Running& owner_of_output();
  Running* find(std::string_view request_id);
  void line(Running& owner, std::string_view text, OutputOrigin origin, std::optional<LogLevel> level, LogTime at);
  void flush_partial_lines(LogTime at);

  std::shared_ptr<FunctionLog> log_;
  std::shared_ptr<const LogStream> stream_;
  std::unique_ptr<TelemetryFeed> telemetry_;
  std::vector<Running> running_;  // in flight, seldom more than one
  Running unattributed_;
  std::array<std::string, 3> partial_;  // by origin
  std::string last_started_;
  std::uint64_t last_start_position_ = 0;  // where in the ring last_started_ begins, so that tail() need not search
};

}  // namespace kiln
