// SPDX-License-Identifier: Apache-2.0
#include "runtimes/cpp/function_log.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

/// UTC with milliseconds, "2026-01-31T12:00:00.000Z".
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(ms % 1000));
  return text.data();
}

}  // namespace

void write_log_line(LogFormat format, std::string_view level, std::string_view request_id, std::string_view message) {
  std::string line;
  if (format == LogFormat::json) {
    line = R"({"timestamp":")" + timestamp() + R"(","level":)";
    append_json_string(line, level.empty() ? "INFO" : level);
    line += R"(,"message":)";
    append_json_string(line, message);
    line += R"(,"requestId":)";
    append_json_string(line, request_id);
    line += '}';
  } else if (level.empty()) {
    line = message;
  } else {
    line.append("[").append(level).append("]\t").append(timestamp()).append("\t");
    line.append(request_id).append("\t").append(message);
  }
  if (line.empty() || line.back() != '\n') line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace kiln
