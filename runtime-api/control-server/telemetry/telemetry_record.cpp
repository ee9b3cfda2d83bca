// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_record.hpp"

#include <nlohmann/json.hpp>
#include <type_traits>

#include "runtime-api/control-server/telemetry/log_text.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

using Clock = std::chrono::system_clock;

bool is_json_object(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  return first != std::string_view::npos && line[first] == '{' && nlohmann::json::accept(line);
}

/// Writes members of JSON objects, one behind the other.
struct RecordWriter {
  std::string& out;
  const LogEvent& whole;
  const TelemetrySchema schema;

  void name(std::string_view member) const {
    if (out.back() != '{') out += ',';
    out += '"';
    out += member;
    out += "\":";
  }
  void text(std::string_view member, std::string_view value) const {
    name(member);
    append_json_string(out, value);
  }
  void text_if_any(std::string_view member, std::string_view value) const {
    if (!value.empty()) text(member, value);
  }
  template <class Number>
  void number(std::string_view member, Number value) const {
    name(member);
    out += std::to_string(value);
  }
  void milliseconds(std::string_view member, std::chrono::nanoseconds value) const {
    name(member);
    append_short_ms(out, value);
  }
  void status(std::string_view value) const {
    // The Logs API knows no "error".
    if (is_logs_api(schema) && value == "error") value = "failure";
    text("status", value.empty() ? "success" : value);
  }
  /// "INVOKE,SHUTDOWN" as an array of strings.
  void list(std::string_view member, std::string_view joined) const {
    name(member);
    out += '[';
    while (!joined.empty()) {
      const auto comma = joined.find(',');
      if (out.back() != '[') out += ',';
      append_json_string(out, joined.substr(0, comma));
      joined.remove_prefix(comma == std::string_view::npos ? joined.size() : comma + 1);
    }
    out += ']';
  }
  void tracing(std::string_view trace_id) const {
    if (trace_id.empty() || is_logs_api(schema)) return;
    name("tracing");
    out += R"({"type":"X-Amzn-Trace-Id")";
    text("value", trace_id);
    out += '}';
  }
  void span(std::string_view span_name, Clock::time_point start, std::chrono::nanoseconds duration) const {
    if (out.back() == '}') out += ',';
    out += '{';
    text("name", span_name);
    name("start");
    out += '"';
    append_time(out, start);
    out += '"';
    milliseconds("durationMs", duration);
    out += '}';
  }
  void init(const InitKind& kind) const {
    text("initializationType", kind.snap_start ? "snap-start" : "on-demand");
    text("phase", to_string(kind.phase));
  }
  void failure(std::string_view value, std::string_view error_type) const {
    status(value);
    text_if_any("errorType", error_type);
  }
  void duration(std::chrono::nanoseconds value) const {
    name("metrics");
    out += '{';
    milliseconds("durationMs", value);
    out += '}';
  }
  /// Of InitStart and RestoreStart.
  template <class Start>
  void environment(const Start& event) const {
    text("runtimeVersion", event.runtime_version);
    text("runtimeVersionArn", event.runtime_version_arn);
    text_if_any("functionName", event.function_name);
    text_if_any("functionVersion", event.function_version);
    text_if_any("instanceId", event.instance_id);
  }

  // The records, without their braces.

  void operator()(const InitStart& event) const {
    init(event.kind);
    environment(event);
  }
  void operator()(const InitRuntimeDone& event) const {
    init(event.kind);
    failure(event.status, event.error_type);
  }
  void operator()(const InitReport& event) const {
    init(event.kind);
    failure(event.status, event.error_type);
    duration(event.duration);
  }
  void operator()(const RestoreStart& event) const { environment(event); }
  void operator()(const RestoreRuntimeDone& event) const { failure(event.status, event.error_type); }
  void operator()(const RestoreReport& event) const {
    failure(event.status, event.error_type);
    duration(event.duration);
  }
  void operator()(const InvocationStart& event) const {
    text("requestId", event.request_id);
    text("version", event.version);
    tracing(event.trace_id);
  }
  void operator()(const RuntimeDone& event) const {
    text("requestId", event.request_id);
    status(event.status);
    if (is_logs_api(schema)) return;
    text_if_any("errorType", event.error_type);
    tracing(event.trace_id);
    if (event.response_latency) {
      const auto start = whole.time - std::chrono::duration_cast<Clock::duration>(event.duration);
      const auto first_byte = start + std::chrono::duration_cast<Clock::duration>(*event.response_latency);
      name("spans");
      out += '[';
      span("responseLatency", start, *event.response_latency);
      if (event.response_duration) span("responseDuration", first_byte, *event.response_duration);
      out += ']';
    }
    name("metrics");
    out += '{';
    milliseconds("durationMs", event.duration);
    if (event.produced_bytes) number("producedBytes", *event.produced_bytes);
    out += '}';
  }
  void operator()(const InvocationEnd& event) const { text("requestId", event.request_id); }
  void operator()(const Report& event) const {
    text("requestId", event.request_id);
    name("metrics");
    out += '{';
    milliseconds("durationMs", event.duration);
    number("billedDurationMs", billed_ms(event));
    number("memorySizeMB", event.memory_size_mb);
    number("maxMemoryUsedMB", event.max_memory_used_mb);
    if (event.init_duration) milliseconds("initDurationMs", *event.init_duration);
    if (event.restore_duration) {
      milliseconds("restoreDurationMs", *event.restore_duration);
      number("billedRestoreDurationMs", rounded_up_ms(*event.restore_duration));
    }
    out += '}';
    if (is_logs_api(schema)) return;
    status(event.status);
    text_if_any("errorType", event.error_type);
    tracing(event.trace_id);
  }
  void operator()(const ExtensionInit& event) const {
    text("name", event.name);
    text("state", event.state);
    list("events", event.events);
    text_if_any("errorType", event.error_type);
  }
  void operator()(const Subscribed& event) const {
    text("name", event.name);
    text("state", "Subscribed");
    list("types", event.types);
  }
  void operator()(const RecordsDropped& event) const {
    number("droppedBytes", event.bytes);
    number("droppedRecords", event.records);
    text("reason", event.reason);
  }
  void operator()(const Truncation& event) const {
    text_if_any("requestId", event.request_id);
    text("reason", "output beyond the invocation's budget");
    number("budgetBytes", event.budget_bytes);
  }
  // These are written as a whole: append_record() below.
  void operator()(const OutputLine&) const {}
  void operator()(const Fault&) const {}
};

/// The value of "record" where that is no object of ours.
void append_output(std::string& out, const LogEvent& event, std::string_view text, TelemetrySchema schema) {
  if (event.format == LogFormat::json && schema >= TelemetrySchema::telemetry_2022_12_13 && is_json_object(text)) {
    // It may stand on several lines, which would break newline-delimited JSON; between its tokens, newlines mean nothing,
    // and within strings there are none.
    for (const char c : text) out += c == '\n' || c == '\r' ? ' ' : c;
    return;
  }
  append_json_string(out, text);
}

}  // namespace

bool is_among(const TelemetryTypes& types, const LogEvent& event) {
  const auto* const line = std::get_if<OutputLine>(&event.body);
  if (!line) return types.platform;
  return line->origin == OutputOrigin::extension ? types.extension : types.function;
}

bool has_record(const LogEvent& event, TelemetrySchema schema) {
  return std::visit(
      [schema](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, InvocationEnd> || std::is_same_v<Body, Fault>) {
          return is_logs_api(schema);
        } else if constexpr (std::is_same_v<Body, RuntimeDone>) {
          return schema != TelemetrySchema::logs_2020_08_15;
        } else if constexpr (std::is_same_v<Body, InitStart> || std::is_same_v<Body, InitRuntimeDone> ||
                             std::is_same_v<Body, InitReport> || std::is_same_v<Body, RestoreStart> ||
                             std::is_same_v<Body, RestoreRuntimeDone> || std::is_same_v<Body, RestoreReport>) {
          return !is_logs_api(schema);
        } else {
          return true;
        }
      },
      event.body);
}

void append_record(std::string& out, const LogEvent& event, TelemetrySchema schema) {
  if (!has_record(event, schema)) return;
  out += R"({"time":")";
  append_time(out, event.time);
  out += R"(","type":")";
  out += type_name(event);
  out += R"(","record":)";
  if (const auto* const line = std::get_if<OutputLine>(&event.body)) {
    append_output(out, event, line->text, schema);
  } else if (const auto* const fault = std::get_if<Fault>(&event.body)) {
    std::string text;
    if (!fault->request_id.empty()) text = "RequestId: " + std::string(fault->request_id) + ' ';
    text += fault->text;
    append_json_string(out, text);
  } else {
    out += '{';
    std::visit(RecordWriter{out, event, schema}, event.body);
    out += '}';
  }
  out += '}';
}

}  // namespace kiln
