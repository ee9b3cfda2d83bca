// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_level.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace kiln {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, LogLevel>, 7> names = {{{"TRACE", LogLevel::trace},
                                                                         {"DEBUG", LogLevel::debug},
                                                                         {"INFO", LogLevel::info},
                                                                         {"WARN", LogLevel::warn},
                                                                         {"WARNING", LogLevel::warn},
                                                                         {"ERROR", LogLevel::error},
                                                                         {"FATAL", LogLevel::fatal}}};

bool equal_in_any_case(std::string_view a, std::string_view upper) {
  return std::equal(a.begin(), a.end(), upper.begin(), upper.end(),
                    [](char c, char u) { return (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) == u; });
}

/// Reads on until it has met the level of the outermost object, and builds nothing.
class LevelFinder final : public nlohmann::json_sax<json> {
 public:
  std::optional<LogLevel> level;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& text) override {
    if (wanted_) level = parse_log_level(text);
    return value();
  }
  bool start_object(std::size_t) override { return descend(); }
  bool end_object() override { return ascend(); }
  bool start_array(std::size_t) override { return descend(); }
  bool end_array() override { return ascend(); }
  bool key(string_t& name) override {
    wanted_ = depth_ == 1 && (name == "level" || name == "log_level");
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  /// False, which ends the reading, once the level has been met.
  bool value() { return !std::exchange(wanted_, false); }
  bool descend() {
    ++depth_;
    return value();
  }
  bool ascend() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool wanted_ = false;
};

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (const auto& [known, level] : names) {
    if (equal_in_any_case(name, known)) return level;
  }
  return std::nullopt;
}

LogLevel level_of_line(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] != '{') return LogLevel::info;
  LevelFinder finder;
  json::sax_parse(line, &finder, nlohmann::detail::input_format_t::json, false);
  return finder.level.value_or(LogLevel::info);
}

}  // namespace kiln
