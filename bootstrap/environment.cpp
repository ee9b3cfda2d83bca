// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/environment.hpp"

#include <sys/socket.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "runtime-api/protocol/environment.hpp"

namespace kiln {
namespace {

constexpr int max_concurrency = 1000;

std::string variable(const char* name, std::string_view fallback = {}) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any other thread exists
  return std::string(value != nullptr && *value != '\0' ? std::string_view(value) : fallback);
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return fd >= 0 && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// The sockets of "3" or "3-10"; none where any of them is none.
std::vector<int> stream_sockets(std::string_view range) {
  const auto dash = range.find('-', 1);
  const auto first = number(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(range.substr(dash + 1));
  std::vector<int> fds;
  if (!first || !last || *last - *first >= max_concurrency) return fds;
  for (int fd = *first; fd <= *last; ++fd) {
    if (!is_stream_socket(fd)) return {};
    fds.push_back(fd);
  }
  return fds;
}

}  // namespace

BootstrapEnvironment take_environment() {
  namespace env = environment;
  BootstrapEnvironment found;
  // A number that an outer process left behind, whose socket is long closed, must not hide the address beside it.
  found.platform.inherited_fds = stream_sockets(variable(env::runtime_api_fd));
  ::unsetenv(env::runtime_api_fd);  // NOLINT(concurrency-mt-unsafe): before any other thread exists
  found.platform.address = variable(env::runtime_api);
  if (const auto limit = number(variable(env::max_concurrency)); limit && *limit >= 1 && *limit <= max_concurrency) {
    found.max_concurrency = *limit;
  }
  FunctionEnvironment& function = found.function;
  function.handler = variable(env::handler);
  function.task_root = variable(env::task_root, "/var/task");
  function.runtime_dir = variable(env::runtime_dir, "/var/runtime");
  function.function_name = variable(env::function_name);
  function.function_version = variable(env::function_version);
  function.memory_mb = variable(env::function_memory);
  function.log_group = variable(env::log_group);
  function.log_stream = variable(env::log_stream);
  function.log_format = variable(env::log_format, "Text");
  function.log_level = variable(env::log_level);
  function.execution_env = variable(env::execution_env);
  function.snap_start = variable(env::initialization_type) == "snap-start";
  return found;
}

}  // namespace kiln
