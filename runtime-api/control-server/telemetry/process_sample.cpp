// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "runtime-api/control-server/telemetry/metrics.hpp"

namespace kiln {
namespace {

std::string file_text(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The number behind `name` at the beginning of a line; 0 where there is none.
double number_after(const std::string& text, const std::string& name) {
  std::size_t at = text.rfind(name, 0) == 0 ? 0 : text.find("\n" + name);
  if (at == std::string::npos) return 0;
  at = text.find(name, at) + name.size();
  return std::strtod(text.c_str() + at, nullptr);
}

void read_stat(ProcessSample& sample) {
  const std::string text = file_text("/proc/self/stat");
  const auto name_end = text.rfind(')');  // the name before it may hold blanks and parentheses
  if (name_end == std::string::npos) return;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  double ticks = 0;
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (int number = 3; fields >> field; ++number) {
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) ticks += value;
    if (number == 20) sample.threads = static_cast<std::uint64_t>(value);
    if (number == 22) sample.start_time_seconds = number_after(file_text("/proc/stat"), "btime ") + value / per_second;
    if (number == 23) sample.virtual_bytes = static_cast<std::uint64_t>(value);
    if (number == 24) {
      sample.resident_bytes = static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
  }
  sample.cpu_seconds = ticks / per_second;
}

}  // namespace

ProcessSample sample_process() {
  ProcessSample sample;
  read_stat(sample);
  std::error_code error;
  const std::filesystem::directory_iterator fds("/proc/self/fd", error);
  if (!error) {
    const auto open = std::distance(begin(fds), end(fds));
    sample.open_fds = static_cast<std::uint64_t>(open > 0 ? open - 1 : 0);  // less the one that lists them
  }
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) sample.max_fds = limit.rlim_cur;
  return sample;
}

}  // namespace kiln
