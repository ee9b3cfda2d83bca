// SPDX-License-Identifier: Apache-2.0
// The C++ runtime with a function of the tests', seen from the platform.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/scripted_platform.hpp"

namespace kiln::test {

class CppInstance {
 public:
  explicit CppInstance(const std::string& handler = "misbehave.handler", std::vector<std::string> environment = {},
                       const std::string& task_root = KILN_TEST_FUNCTIONS)
      : CppInstance(connected_pair(), handler, std::move(environment), task_root) {}

  /// Sends one event, without waiting for what becomes of it.
  void start(const std::string& payload, const std::string& more = {}) {
    platform.read();
    platform.send((first_ ? "" : accepted()) + event("the-id", payload, more));
    first_ = false;
  }
  /// One invocation from its event to its post.
  WireRequest call(const std::string& payload, const std::string& more = {}) {
    start(payload, more);
    return platform.read();
  }
  /// The same where the answer is JSON.
  nlohmann::json result(const nlohmann::json& payload) { return nlohmann::json::parse(call(payload.dump()).body); }

  PlatformEnd platform;
  ChildProcess process;

 private:
  CppInstance(std::pair<PlatformEnd, int> ends, const std::string& handler, std::vector<std::string> environment,
              const std::string& task_root)
      : platform(std::move(ends.first)), process(options(ends.second, handler, std::move(environment), task_root)) {}

  static ChildOptions options(int fd, const std::string& handler, std::vector<std::string> environment,
                              const std::string& task_root) {
    environment.push_back("KILN_RUNTIME_API_FD=" + std::to_string(fd));
    environment.push_back("_HANDLER=" + handler);
    environment.push_back("LAMBDA_TASK_ROOT=" + task_root);
    // A crash is to look as it does to a platform, not as a sanitizer reports it.
    environment.push_back("ASAN_OPTIONS=handle_segv=0");
    environment.push_back("TSAN_OPTIONS=handle_segv=0");
    return {{KILN_CPP_BOOTSTRAP}, std::move(environment), fd};
  }

  bool first_ = true;
};

}  // namespace kiln::test
