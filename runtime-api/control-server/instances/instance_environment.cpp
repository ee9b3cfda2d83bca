// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/instance_environment.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

#include "runtime-api/protocol/environment.hpp"

namespace kiln {

bool starts_from_snapshot(const FunctionConfiguration& function) { return function.snap_start == "PublishedVersions"; }

bool may_be_forked(const FunctionConfiguration& function) {
  if (!function.environment) return true;
  // Read by Python, the dynamic loader, the allocator and OpenSSL as a process starts, and never again.
  constexpr std::string_view read_at_start[] = {"PYTHON", "LD_", "MALLOC_", "GLIBC_TUNABLES", "OPENSSL_"};
  constexpr std::string_view harmless[] = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"};
  return std::all_of(function.environment->begin(), function.environment->end(), [&](const auto& variable) {
    const std::string_view name = variable.first;
    return std::find(std::begin(harmless), std::end(harmless), name) != std::end(harmless) ||
           std::none_of(std::begin(read_at_start), std::end(read_at_start),
                        [&](std::string_view start) { return name.starts_with(start); });
  });
}

std::vector<std::string> instance_environment(const FunctionConfiguration& function, const AccountSettings& account,
                                              const InstancePlace& place) {
  std::map<std::string, std::string> all;
  // Defaults, which the function may replace.
  all["LANG"] = "en_US.UTF-8";
  all["TZ"] = ":UTC";
  all["PATH"] = "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:" + place.opt + "/bin";
  all["LD_LIBRARY_PATH"] = place.task_root + ":" + place.task_root + "/lib:" + place.opt + "/lib";
  all["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR";
  // Code must stay what was uploaded, and no permission keeps root from writing beside it. A Python of the function's own
  // would, at its first import; where the folder cannot be written, as at the real service, it lets it be.
  all["PYTHONDONTWRITEBYTECODE"] = "1";
  // An SDK that finds them empty says "no credentials"; one that does not find them asks the host's metadata service.
  all["AWS_ACCESS_KEY_ID"] = "";
  all["AWS_SECRET_ACCESS_KEY"] = "";
  all["AWS_SESSION_TOKEN"] = "";

  if (function.environment) {
    for (const auto& [name, value] : *function.environment) all[name] = value;
  }

  all[environment::handler] = function.handler;
  all[environment::task_root] = place.task_root;
  all[environment::runtime_dir] = place.runtime_dir;
  all[environment::function_name] = function.name;
  all[environment::function_version] = function.version;
  all[environment::function_memory] = std::to_string(function.memory_mb);
  all[environment::log_group] = function.logging.group;
  all[environment::log_stream] = place.log_stream;
  all[environment::region] = account.region;
  all[environment::default_region] = account.region;
  all[environment::initialization_type] = starts_from_snapshot(function) ? "snap-start" : "on-demand";
  if (function.logging.format == "JSON") {
    all[environment::log_format] = "JSON";
    if (!function.logging.application_level.empty()) all[environment::log_level] = function.logging.application_level;
  }
  if (canonical_runtime(function.runtime) != "provided")
    all[environment::execution_env] = std::string("AWS_Lambda_").append(function.runtime);
  // One at a time is the absence of the variable: official clients enter their concurrent mode even at "1".
  if (function.kiln.concurrency > 1) all[environment::max_concurrency] = std::to_string(function.kiln.concurrency);

  std::vector<std::string> entries;
  entries.reserve(all.size());
  for (const auto& [name, value] : all) {
    std::string& entry = entries.emplace_back(name);
    entry += '=';
    entry += value;
  }
  return entries;
}

}  // namespace kiln
