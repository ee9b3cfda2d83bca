// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/extension_folder.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "runtime-api/protocol/environment.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr const char* off_switch = "disable-extensions-jwigqn8j";

/// Developer guide, "Environment variables" of the Extensions API: what extensions do not get, beside all of `_*`.
constexpr std::array<std::string_view, 7> runtime_only = {
    environment::execution_env, environment::log_group,   environment::log_stream, "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",  environment::runtime_dir, environment::task_root};

}  // namespace

FoundExtensions find_extensions(const fs::path& opt) {
  FoundExtensions found;
  std::error_code error;
  if (fs::exists(opt / off_switch, error)) {
    found.enabled = false;
    return found;
  }
  for (fs::directory_iterator entry(opt / "extensions", error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) continue;
    found.external.push_back({entry->path().filename().string(), entry->path()});
  }
  const bool missing = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (!missing) found.unreadable = error;
  std::sort(found.external.begin(), found.external.end(),
            [](const ExtensionSpec& a, const ExtensionSpec& b) { return a.name < b.name; });
  return found;
}

std::vector<std::string> extension_environment(const std::vector<std::string>& instance_environment) {
  std::vector<std::string> kept;
  for (const std::string& entry : instance_environment) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (name.starts_with('_')) continue;
    if (std::find(runtime_only.begin(), runtime_only.end(), name) != runtime_only.end()) continue;
    kept.push_back(entry);
  }
  return kept;
}

}  // namespace kiln
