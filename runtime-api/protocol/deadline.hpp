// SPDX-License-Identifier: Apache-2.0
// One point in time on the steady clock; epoch milliseconds exist only on the wire.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kiln {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// A deadline that never comes.
  constexpr Deadline() : at_(Clock::time_point::max()) {}
  constexpr explicit Deadline(Clock::time_point at) : at_(at) {}

  static Deadline never() { return Deadline(); }
  static Deadline after(Clock::duration span) { return Deadline(Clock::now() + span); }

  /// From milliseconds since the epoch as another machine's wall clock wrote them (Lambda-Runtime-Deadline-Ms).
  /// What is further away than a century never comes: the emulator's are a thousand times too far, and nanoseconds would
  /// overflow.
  static Deadline from_epoch_ms(std::int64_t epoch_ms) {
    using std::chrono::milliseconds;
    const auto now = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    if (epoch_ms < 0) return after(Clock::duration::zero());
    if (milliseconds(epoch_ms) > now + century) return never();
    const auto wall = std::chrono::system_clock::time_point(milliseconds(epoch_ms));
    return after(std::chrono::duration_cast<Clock::duration>(wall - std::chrono::system_clock::now()));
  }

  /// Milliseconds since the epoch, by today's wall clock. What is further away than a century is at the end of the year
  /// 9999, the last one that the languages of all runtimes can make a date of.
  std::int64_t to_epoch_ms() const {
    if (remaining() > century) return 253'402'300'799'999;
    const auto wall = std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(at_ - Clock::now());
    return std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
  }

  bool is_never() const { return at_ == Clock::time_point::max(); }
  bool passed() const { return Clock::now() >= at_; }
  /// Time left, never negative.
  Clock::duration remaining() const { return std::max(Clock::duration::zero(), at_ - Clock::now()); }
  Clock::time_point at() const { return at_; }

  friend bool operator<(Deadline a, Deadline b) { return a.at_ < b.at_; }
  friend bool operator==(Deadline a, Deadline b) { return a.at_ == b.at_; }

 private:
  static constexpr std::chrono::hours century{24 * 36525};

  Clock::time_point at_;
};

}  // namespace kiln
