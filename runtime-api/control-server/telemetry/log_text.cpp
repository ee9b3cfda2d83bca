// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>

#include "runtime-api/control-server/telemetry/telemetry_record.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_padded(std::string& out, std::int64_t number, int width) {
  std::array<char, 24> digits;
  for (int i = width; i-- > 0; number /= 10) digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + number % 10);
  out.append(digits.data(), static_cast<std::size_t>(width));
}

/// All durations of a report are rounded once, here, so that the billed one never contradicts the one beside it.
std::int64_t hundredths(std::chrono::nanoseconds duration) {
  return std::max<std::int64_t>(0, (duration.count() + 5'000) / 10'000);
}

void append_ms(std::string& out, std::chrono::nanoseconds duration) {
  const std::int64_t value = hundredths(duration);
  append_number(out, value / 100);
  out += '.';
  append_padded(out, value % 100, 2);
}

/// "INVOKE,SHUTDOWN" as "[INVOKE, SHUTDOWN]", and each first letter as an upper case one.
void append_list(std::string& out, std::string_view joined) {
  out += '[';
  bool first = true;
  for (const char c : joined) {
    out += first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    first = c == ',';
    if (first) out += ' ';
  }
  out += ']';
}

struct TextLine {
  std::string& out;

  void operator()(const InitStart& event) const {
    out += "INIT_START Runtime Version: ";
    out += event.runtime_version;
    out += "\tRuntime Version ARN: ";
    out += event.runtime_version_arn;
  }
  void operator()(const InvocationStart& event) const {
    out += "START RequestId: ";
    out += event.request_id;
    out += " Version: ";
    out += event.version;
  }
  void operator()(const OutputLine& event) const { append_printable(out, event.text); }
  void operator()(const Fault& event) const {
    if (!event.request_id.empty()) {
      out += "RequestId: ";
      out += event.request_id;
      out += ' ';
    }
    append_printable(out, event.text);
  }
  void operator()(const InvocationEnd& event) const {
    out += "END RequestId: ";
    out += event.request_id;
  }
  void operator()(const Report& event) const {
    out += "REPORT RequestId: ";
    out += event.request_id;
    out += "\tDuration: ";
    append_ms(out, event.duration);
    out += " ms\tBilled Duration: ";
    append_number(out, billed_ms(event));
    out += " ms\tMemory Size: ";
    append_number(out, event.memory_size_mb);
    out += " MB\tMax Memory Used: ";
    append_number(out, event.max_memory_used_mb);
    out += " MB\t";
    if (event.init_duration) {
      out += "Init Duration: ";
      append_ms(out, *event.init_duration);
      out += " ms\t";
    }
    if (event.restore_duration) {
      out += "Restore Duration: ";
      append_ms(out, *event.restore_duration);
      out += " ms\tBilled Restore Duration: ";
      append_number(out, rounded_up_ms(*event.restore_duration));
      out += " ms\t";
    }
    if (event.reported) return;
    if (!event.status.empty()) {
      out += "Status: ";
      out += event.status;
    }
    if (!event.error_type.empty()) {
      out += "\tError Type: ";
      append_printable(out, event.error_type);
    }
  }
  void operator()(const Truncation& event) const {
    out += "LOGS_DROPPED ";
    if (!event.request_id.empty()) {
      out += "RequestId: ";
      out += event.request_id;
      out += ' ';
    }
    out += "Output beyond ";
    append_number(out, static_cast<std::int64_t>(event.budget_bytes));
    out += " bytes is dropped.";
  }
  void operator()(const ExtensionInit& event) const {
    out += "EXTENSION\tName: ";
    append_printable(out, event.name);
    out += "\tState: ";
    out += event.state;
    out += "\tEvents: ";
    append_list(out, event.events);
    if (!event.error_type.empty()) {
      out += "\tError Type: ";
      append_printable(out, event.error_type);
    }
  }
  void operator()(const Subscribed& event) const {
    out += event.by_logs_api ? "LOGS\tName: " : "TELEMETRY\tName: ";
    append_printable(out, event.name);
    out += "\tState: Subscribed\tTypes: ";
    append_list(out, event.types);
  }
  void operator()(const RecordsDropped& event) const {
    out += "LOGS_DROPPED ";
    append_number(out, static_cast<std::int64_t>(event.records));
    out += " records of ";
    append_number(out, static_cast<std::int64_t>(event.bytes));
    out += " bytes: ";
    append_printable(out, event.reason);
  }
  void operator()(const RestoreStart& event) const {
    out += "RESTORE_START Runtime Version: ";
    out += event.runtime_version;
    out += "\tRuntime Version ARN: ";
    out += event.runtime_version_arn;
  }
  void operator()(const RestoreReport& event) const {
    out += "RESTORE_REPORT Restore Duration: ";
    append_ms(out, event.duration);
    out += " ms";
    if (!event.status.empty()) {
      out += "\tStatus: ";
      out += event.status;
    }
    if (!event.error_type.empty()) {
      out += "\tError Type: ";
      append_printable(out, event.error_type);
    }
  }
  // The text format has no such lines.
  void operator()(const RestoreRuntimeDone&) const {}
  void operator()(const InitRuntimeDone&) const {}
  void operator()(const RuntimeDone&) const {}
  /// Of an init phase that has failed only.
  void operator()(const InitReport& event) const {
    out += "INIT_REPORT Init Duration: ";
    append_ms(out, event.duration);
    out += " ms\tPhase: ";
    out += to_string(event.kind.phase);
    out += "\tStatus: ";
    out += event.status;
    if (!event.error_type.empty() && event.status != "timeout") {
      out += "\tError Type: ";
      append_printable(out, event.error_type);
    }
  }
};

/// Platform lines as the Telemetry API's objects.
struct JsonLine {
  std::string& out;
  const LogEvent& whole;

  template <class Body>
  void operator()(const Body&) const {
    append_record(out, whole, TelemetrySchema::telemetry_2025_01_29);
  }
  void operator()(const OutputLine& event) const { TextLine{out}(event); }
  void operator()(const Fault& event) const {
    out += R"({"timestamp":")";
    append_time(out, whole.time);
    out += R"(","level":"ERROR")";
    if (!event.request_id.empty()) {
      out += R"(,"requestId":)";
      append_json_string(out, event.request_id);
    }
    out += R"(,"message":)";
    append_json_string(out, event.text);
    out += '}';
  }
};

}  // namespace

void append_printable(std::string& out, std::string_view raw) {
  const auto plain = [](unsigned char c) { return (c >= 0x20 && c < 0x7F) || c == '\t' || c == '\n' || c == '\r'; };
  for (std::size_t i = 0; i < raw.size();) {
    std::size_t run = i;
    while (run < raw.size() && plain(static_cast<unsigned char>(raw[run]))) ++run;
    out.append(raw.data() + i, run - i);
    if (run == raw.size()) return;
    i = run;
    const auto c = static_cast<unsigned char>(raw[i]);
    const std::size_t length = utf8_length(raw, i);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else if (length == 1) {  // a control character, or plain() had taken it
      out += "\\x";
      out += hex_digits[c >> 4];
      out += hex_digits[c & 15];
      ++i;
    } else if (c == 0xC2 && static_cast<unsigned char>(raw[i + 1]) < 0xA0) {
      // U+0080 to U+009F: terminals take U+009B for ESC [.
      out += "\\u00";
      out += hex_digits[static_cast<unsigned char>(raw[i + 1]) >> 4];
      out += hex_digits[static_cast<unsigned char>(raw[i + 1]) & 15];
      i += 2;
    } else {
      out.append(raw, i, length);
      i += length;
    }
  }
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  append_padded(out, parts.tm_year + 1900, 4);
  out += '-';
  append_padded(out, parts.tm_mon + 1, 2);
  out += '-';
  append_padded(out, parts.tm_mday, 2);
  out += 'T';
  append_padded(out, parts.tm_hour, 2);
  out += ':';
  append_padded(out, parts.tm_min, 2);
  out += ':';
  append_padded(out, parts.tm_sec, 2);
  out += '.';
  append_padded(out, ms % 1000, 3);
  out += 'Z';
}

std::string_view TimeText::of(std::chrono::system_clock::time_point time) {
  const auto since_epoch = time.time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(since_epoch);
  if (second != second_) {
    second_ = second;
    text_.clear();
    append_time(text_, time);
  } else {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(since_epoch - second).count();
    char* const digits = text_.data() + text_.size() - 4;  // before the Z
    digits[0] = static_cast<char>('0' + ms / 100);
    digits[1] = static_cast<char>('0' + ms / 10 % 10);
    digits[2] = static_cast<char>('0' + ms % 10);
  }
  return text_;
}

std::int64_t rounded_up_ms(std::chrono::nanoseconds duration) {
  return std::max<std::int64_t>(1, (hundredths(duration) + 99) / 100);
}

std::int64_t billed_ms(const Report& report) {
  if (report.billed_ms) return *report.billed_ms;
  return rounded_up_ms(report.duration) + (report.restore_duration ? rounded_up_ms(*report.restore_duration) : 0);
}

void append_short_ms(std::string& out, std::chrono::nanoseconds duration) {
  append_number(out, hundredths(duration) / 100);
  if (const auto fraction = hundredths(duration) % 100) {
    out += '.';
    append_padded(out, fraction, 2);
    if (out.back() == '0') out.pop_back();
  }
}

bool has_line(LogFormat format, const LogEvent::Body& body) {
  if (format == LogFormat::json) return !std::holds_alternative<InvocationEnd>(body);  // platform.report tells the end
  if (const auto* const report = std::get_if<InitReport>(&body)) return !report->status.empty();
  return !std::holds_alternative<InitRuntimeDone>(body) && !std::holds_alternative<RuntimeDone>(body) &&
         !std::holds_alternative<RestoreRuntimeDone>(body);
}

void append_line(std::string& out, const LogEvent& event) {
  if (event.format == LogFormat::json) {
    std::visit(JsonLine{out, event}, event.body);
  } else {
    std::visit(TextLine{out}, event.body);
  }
}

void append_shown(std::string& out, std::string_view time, std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  out += time;
  if (!time.empty()) out += ' ';
  while (true) {
    const auto cut = line.find_first_of("\r\n");
    out += line.substr(0, cut);
    out += '\n';
    if (cut == std::string_view::npos) return;
    const bool pair = line.substr(cut, 2) == "\r\n";
    line.remove_prefix(cut + (pair ? 2 : 1));
    out += "  ";
  }
}

}  // namespace kiln
