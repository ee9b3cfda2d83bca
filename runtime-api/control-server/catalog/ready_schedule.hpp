// SPDX-License-Identifier: Apache-2.0
// When instances are kept ready, by the hours of the week: windows such as "mon-fri 08:00-18:00=5; sat,sun 10:00-14:00=1",
// in UTC. Values; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kiln {

class ReadySchedule {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Never.
  ReadySchedule() = default;

  /// Windows between semicolons, each DAYS HH:MM-HH:MM=INSTANCES. DAYS: names and spans of mon…sun between commas, or
  /// "daily". One that ends before it begins (22:00-06:00) ends on the next day; 24:00 is the end of a day. Empty: never.
  /// The schedule, or what is wrong with the text, as a sentence.
  static std::variant<ReadySchedule, std::string> parse(std::string_view text);

  bool empty() const { return windows_.empty(); }
  /// The most that a window which is open at `time` asks for; 0 where none is.
  int instances_at(Time time) const;
  /// When that may change next, after `time`; Time::max() where there are no windows.
  Time next_change(Time time) const;

 private:
  struct Window {
    unsigned days = 0;  ///< bit 0: those that begin on a Monday
    std::chrono::minutes from{}, length{};
    int instances = 0;
  };
  static std::variant<Window, std::string> parse_window(std::string_view text);

  std::vector<Window> windows_;
};

}  // namespace kiln
