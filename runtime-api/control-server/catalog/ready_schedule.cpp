// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/ready_schedule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace kiln {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::array<std::string_view, 7> names = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr unsigned every_day = 0x7F;
constexpr int most_instances = 1'000;
constexpr std::size_t most_windows = 32;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<unsigned> weekday(std::string_view name) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return std::nullopt;
  return static_cast<unsigned>(at - names.begin());
}

/// As bits: "mon-fri,sun".
std::optional<unsigned> parse_days(std::string_view text) {
  if (text == "daily") return every_day;
  unsigned found = 0;
  while (true) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const auto dash = part.find('-');
    const auto first = weekday(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : weekday(part.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (unsigned day = *first;; day = (day + 1) % names.size()) {
      found |= 1U << day;
      if (day == *last) break;
    }
    if (comma == std::string_view::npos) return found;
    text.remove_prefix(comma + 1);
  }
}

/// "08:30", until "24:00".
std::optional<minutes> parse_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number(text.substr(0, 2));
  const auto minute = number(text.substr(3));
  if (!hour || !minute || *minute > 59 || *hour > 24 || (*hour == 24 && *minute > 0)) return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

}  // namespace

std::variant<ReadySchedule::Window, std::string> ReadySchedule::parse_window(std::string_view text) {
  const auto wrong = [text](std::string_view why) { return "'" + std::string(text) + "': " + std::string(why); };
  const auto space = text.find(' ');
  const auto equals = text.find('=');
  if (space == std::string_view::npos || equals == std::string_view::npos || equals < space) {
    return wrong("a window is DAYS HH:MM-HH:MM=INSTANCES, as in mon-fri 08:00-18:00=5");
  }
  const auto on = parse_days(text.substr(0, space));
  if (!on) return wrong("days are mon, tue, wed, thu, fri, sat, sun, spans and lists of these, or daily");
  const std::string_view span = trimmed(text.substr(space, equals - space));
  const auto dash = span.find('-');
  const auto from = parse_time(span.substr(0, dash));
  const auto until = dash == std::string_view::npos ? std::nullopt : parse_time(span.substr(dash + 1));
  if (!from || !until || *from == hours(24)) return wrong("times are HH:MM-HH:MM, in UTC, from 00:00 to 24:00");
  if (*from == *until) return wrong("it ends when it begins; all of a day is 00:00-24:00");
  const auto instances = number(trimmed(text.substr(equals + 1)));
  if (!instances || *instances < 1 || *instances > most_instances) return wrong("instances are 1 to 1000");
  Window window;
  window.days = *on;
  window.from = *from;
  window.length = *until > *from ? *until - *from : *until + days(1) - *from;
  window.instances = *instances;
  return window;
}

std::variant<ReadySchedule, std::string> ReadySchedule::parse(std::string_view text) {
  ReadySchedule schedule;
  while (!text.empty()) {
    const auto semicolon = text.find(';');
    const std::string_view part = trimmed(text.substr(0, semicolon));
    text.remove_prefix(semicolon == std::string_view::npos ? text.size() : semicolon + 1);
    if (part.empty()) continue;
    auto window = parse_window(part);
    if (auto* const why = std::get_if<std::string>(&window)) return std::move(*why);
    schedule.windows_.push_back(std::get<Window>(window));
  }
  if (schedule.windows_.size() > most_windows) return std::string("there are more than 32 windows");
  return schedule;
}

int ReadySchedule::instances_at(Time time) const {
  const auto today = std::chrono::floor<days>(time);
  int most = 0;
  for (const Window& window : windows_) {
    // One that began yesterday may still be open.
    for (const auto day : {today, today - days(1)}) {
      const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
      const auto begins = day + window.from;
      if ((window.days >> weekday & 1U) != 0 && begins <= time && time < begins + window.length) {
        most = std::max(most, window.instances);
      }
    }
  }
  return most;
}

ReadySchedule::Time ReadySchedule::next_change(Time time) const {
  const auto today = std::chrono::floor<days>(time);
  Time next = Time::max();
  for (const Window& window : windows_) {
    for (int day = -1; day <= 1; ++day) {
      const auto begins = today + days(day) + window.from;
      for (const Time edge : {Time(begins), Time(begins + window.length)}) {
        if (edge > time) next = std::min(next, edge);
      }
    }
  }
  return next;
}

}  // namespace kiln
