// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/phases.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace kiln {
namespace {

/// "0.018", "2", "14.3": milliseconds to the microsecond, without zeros that say nothing.
void append_ms(std::string& out, std::chrono::nanoseconds duration) {
  const std::int64_t us = std::max<std::int64_t>(0, (duration.count() + 500) / 1000);
  std::array<char, 24> digits;
  const auto whole = std::to_chars(digits.data(), digits.data() + digits.size(), us / 1000);
  out.append(digits.data(), whole.ptr);
  std::int64_t fraction = us % 1000;
  if (fraction == 0) return;
  out += '.';
  for (std::int64_t place = 100; fraction != 0; place /= 10) {
    out += static_cast<char>('0' + fraction / place);
    fraction %= place;
  }
}

void append_metric(std::string& out, std::string_view name, std::chrono::nanoseconds duration) {
  out += ", ";
  out += name;
  out += ";dur=";
  append_ms(out, duration);
}

}  // namespace

void append_server_timing(std::string& out, const InvocationTimes& times) {
  if (times.cold) {
    out += "cold;desc=\"cold start\"";
    append_metric(out, "fetch", times.cold->fetch);
    append_metric(out, "prepare", times.cold->prepare);
    append_metric(out, "launch", times.cold->launch);
    append_metric(out, "init", times.cold->init);
  } else {
    out += "warm";
  }
  if (times.queue.count() > 0) append_metric(out, "queue", times.queue);
  append_metric(out, "invoke", times.invoke);
}

}  // namespace kiln
