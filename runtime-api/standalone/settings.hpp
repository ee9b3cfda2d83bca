// SPDX-License-Identifier: Apache-2.0
// What the container's environment and command line ask of the standalone server; nothing else in it calls getenv.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln::standalone {

struct Settings {
  FunctionConfiguration function;
  AccountSettings account;
  std::filesystem::path task_root;
  std::filesystem::path runtime_dir;
  std::string exec_wrapper;             ///< AWS_LAMBDA_EXEC_WRAPPER: a program that is given the bootstrap to execute
  bool zygote = true;                   ///< whether several instances of a language that can are forks of one process
  std::vector<std::string> preimports;  ///< the modules it loads ahead of time
  std::string host = "0.0.0.0";
  unsigned short port = 8080;
  unsigned short operations_port = 9464;
  /// From SIGTERM until connections are refused, while readiness says no: a load balancer needs that long to hear of it.
  std::chrono::seconds drain_delay{0};
  /// For the calls under way after that: what each of them may wait and run.
  std::chrono::seconds drain_timeout{0};
  std::chrono::seconds init_timeout{0};   ///< of each instance's init phase
  std::chrono::seconds queue_timeout{0};  ///< how long a call waits for an instance
};

/// A variable or argument that says what cannot be; its text is for the user.
struct BadSetting {
  std::string message;
};

struct SettingsResult {
  std::optional<Settings> settings;
  std::optional<BadSetting> error;
};

/// `environment` as NAME → value; `arguments` without the program's name: the handler, as an image's CMD has it.
/// `memory_limit_mb` is the container's, for where no variable says more.
SettingsResult read_settings(const std::map<std::string, std::string>& environment,
                             const std::vector<std::string>& arguments, std::optional<int> memory_limit_mb);

/// The variables of this process.
std::map<std::string, std::string> current_environment();

}  // namespace kiln::standalone
