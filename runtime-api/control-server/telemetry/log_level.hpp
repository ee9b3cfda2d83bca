// SPDX-License-Identifier: Apache-2.0
// How weighty a log event is, and which ones a function's LoggingConfig lets into its log. Levels apply to the JSON format
// only (developer guide, "Log-level filtering").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln {

/// In rising order of weight.
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, fatal };

/// "INFO", in any case of letters; nothing for what is no level.
std::optional<LogLevel> parse_log_level(std::string_view name);

/// The level of a line that a function has printed: its member "level" (or "log_level", which the Python client writes for
/// errors), where the line is a JSON object; `info` for everything else, as in the real service.
LogLevel level_of_line(std::string_view line);

}  // namespace kiln
