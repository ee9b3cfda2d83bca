// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/function_checks.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime-api/control-server/catalog/pull_address.hpp"
#include "runtime-api/control-server/catalog/ready_schedule.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

constexpr long long model_max_memory_mb = 32'768;
constexpr std::string_view role_pattern = R"(arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+)";
constexpr std::string_view variable_pattern = "[a-zA-Z]([a-zA-Z0-9_])+";
constexpr std::string_view image_pattern = "([A-Za-z0-9][A-Za-z0-9._:/@+-]*)?";
constexpr std::string_view log_group_pattern = R"([\.\-_/#A-Za-z0-9]+)";

// Developer guide, "Defined runtime environment variables", and those of kiln that would break an instance.
constexpr std::array reserved_variables = {
    environment::execution_env,   environment::default_region,   environment::region,
    environment::function_name,   environment::function_version, environment::function_memory,
    environment::log_group,       environment::log_stream,       environment::runtime_api,
    environment::task_root,       environment::runtime_dir,      environment::initialization_type,
    environment::max_concurrency, environment::runtime_api_fd,   "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",          "AWS_SECRET_ACCESS_KEY",       "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_METADATA_API",    "AWS_LAMBDA_METADATA_TOKEN"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_role(std::string_view text) {
  if (text.substr(0, 4) != "arn:") return false;
  const std::size_t partition = text.find(':', 4);
  if (partition == std::string_view::npos) return false;
  const std::string_view name = text.substr(4, partition - 4);
  if (!name.empty() && (name.substr(0, 3) != "aws" ||
                        !std::all_of(name.begin(), name.end(), [](char c) { return is_alpha(c) || c == '-'; }))) {
    return false;
  }
  text.remove_prefix(partition);
  if (text.substr(0, 6) != ":iam::") return false;
  text.remove_prefix(6);
  if (text.size() < 12 || !std::all_of(text.begin(), text.begin() + 12, is_digit)) return false;
  text.remove_prefix(12);
  if (text.substr(0, 5) != ":role" || text.size() < 6) return false;
  text.remove_prefix(5);
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("_+=,.@-/").find(c) != std::string_view::npos;
  });
}

bool is_variable_name(std::string_view text) {
  return text.size() >= 2 && is_alpha(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
}

/// What may stand in a command line: it cannot be taken for an option, nor for a path of the host.
bool is_image_reference(std::string_view text) {
  if (text.empty()) return true;
  return (is_alpha(text.front()) || is_digit(text.front())) && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alpha(c) || is_digit(c) || std::string_view("._:/@+-").find(c) != std::string_view::npos;
         });
}

bool is_log_group(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view(".-_/#").find(c) != std::string_view::npos;
  });
}

void check_range(const std::optional<long long>& value, const char* member, long long least, long long most,
                 Constraints& constraints) {
  if (!value) return;
  if (*value < least) constraints.broken(std::to_string(*value), member, rules::value_at_least(least));
  if (*value > most) constraints.broken(std::to_string(*value), member, rules::value_at_most(most));
}

void check_length(const std::optional<std::string>& value, const char* member, std::size_t most,
                  Constraints& constraints) {
  if (value && value->size() > most) constraints.broken(*value, member, rules::length_at_most(most));
}

void check_one_of(const std::optional<std::string>& value, const char* member, const std::vector<std::string>& values,
                  Constraints& constraints) {
  if (value && std::find(values.begin(), values.end(), *value) == values.end()) {
    constraints.broken(*value, member, rules::one_of(values));
  }
}

std::string list_text(const std::vector<std::string>& values) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ", ";
    out += values[i];
  }
  return out + "]";
}

ServiceError invalid(std::string message) { return {400, "InvalidParameterValueException", std::move(message)}; }

std::optional<ServiceError> check_environment(const std::map<std::string, std::string>& variables) {
  constexpr std::string_view cannot =
      "Lambda was unable to configure your environment variables because the environment variables you have provided ";
  std::string reserved;
  std::string measured = "{";
  for (const auto& [name, value] : variables) {
    if (std::find(reserved_variables.begin(), reserved_variables.end(), std::string_view(name)) !=
        reserved_variables.end()) {
      reserved += (reserved.empty() ? "" : ", ") + name;
    }
    if (value.find('\0') != std::string::npos) return invalid(std::string(cannot) + "contain a NUL in " + name);
    if (measured.size() > 1) measured += ',';
    append_json_string(measured, name);
    measured += ':';
    append_json_string(measured, value);
  }
  measured += '}';
  if (!reserved.empty()) {
    return invalid(std::string(cannot) +
                   "contains reserved keys that are currently not supported for modification. Reserved keys used in "
                   "this request: " +
                   reserved);
  }
  if (measured.size() > limits::max_environment) {
    return invalid(std::string(cannot) + "exceeded the 4KB limit. String measured: " + measured);
  }
  return std::nullopt;
}

}  // namespace

void check_constraints(const FunctionSettings& s, Constraints& constraints) {
  check_length(s.handler, "handler", 128, constraints);
  // Bytes up to the space are what the pattern calls white space, and control characters that no handler name has.
  if (s.handler && (s.handler->empty() || std::any_of(s.handler->begin(), s.handler->end(),
                                                      [](char c) { return static_cast<unsigned char>(c) <= 0x20; }))) {
    constraints.broken(*s.handler, "handler", rules::pattern(R"([^\s]+)"));
  }
  if (s.role && !is_role(*s.role)) constraints.broken(*s.role, "role", rules::pattern(role_pattern));
  check_length(s.description, "description", 256, constraints);
  check_range(s.memory_mb, "memorySize", limits::min_memory_mb, model_max_memory_mb, constraints);
  check_range(s.timeout_s, "timeout", limits::min_timeout_s, limits::max_timeout_s, constraints);
  check_range(s.ephemeral_storage_mb, "ephemeralStorage.size", 512, 10'240, constraints);
  if (s.environment && !std::all_of(s.environment->begin(), s.environment->end(),
                                    [](const auto& variable) { return is_variable_name(variable.first); })) {
    constraints.broken_secret("environment.variables", rules::each("Map keys", {rules::pattern(variable_pattern)}));
  }
  check_one_of(s.tracing_mode, "tracingConfig.mode", {"Active", "PassThrough"}, constraints);
  check_one_of(s.snap_start, "snapStart.applyOn", {"PublishedVersions", "None"}, constraints);
  check_one_of(s.log_format, "loggingConfig.logFormat", {"JSON", "Text"}, constraints);
  check_one_of(s.log_application_level, "loggingConfig.applicationLogLevel",
               {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, constraints);
  check_one_of(s.log_system_level, "loggingConfig.systemLogLevel", {"DEBUG", "INFO", "WARN"}, constraints);
  check_length(s.log_group, "loggingConfig.logGroup", 512, constraints);
  if (s.log_group && !is_log_group(*s.log_group)) {
    constraints.broken(*s.log_group, "loggingConfig.logGroup", rules::pattern(log_group_pattern));
  }
  check_range(s.concurrency, "kiln.concurrency", 1, 1'000, constraints);
  check_range(s.max_instances, "kiln.maxInstances", 1, 10'000, constraints);
  check_range(s.min_instances, "kiln.minInstances", 0, 1'000, constraints);
  check_length(s.ready_schedule, "kiln.readySchedule", 512, constraints);
  if (s.ready_schedule) {
    const auto schedule = ReadySchedule::parse(*s.ready_schedule);
    if (const auto* const why = std::get_if<std::string>(&schedule)) {
      constraints.broken(*s.ready_schedule, "kiln.readySchedule", *why);
    }
  }
  if (s.pull && !s.pull->empty() && !parse_pull_address(*s.pull)) {
    constraints.broken(*s.pull, "kiln.pull",
                       "Member must be ADDRESS:PORT, an address of this machine such as 127.0.0.1 or [::1]");
  }
  check_range(s.idle_seconds, "kiln.idleSeconds", 0, 86'400, constraints);
  check_one_of(s.isolation, "kiln.isolation", {"auto", "process", "sandbox", "oci", "command"}, constraints);
  check_length(s.image, "kiln.image", 512, constraints);
  if (s.image && !is_image_reference(*s.image)) {
    constraints.broken(*s.image, "kiln.image", rules::pattern(image_pattern));
  }
}

void check_architectures(const std::vector<std::string>& architectures, Constraints& constraints) {
  const std::vector<std::string> known = {"x86_64", "arm64"};
  if (architectures.size() > 1) {
    constraints.broken(list_text(architectures), "architectures", rules::length_at_most(1));
  } else if (architectures.size() == 1 && std::find(known.begin(), known.end(), architectures[0]) == known.end()) {
    constraints.broken(list_text(architectures), "architectures",
                       rules::each("Member", {rules::one_of(known), std::string(rules::not_null)}));
  }
}

std::optional<ServiceError> check_values(const FunctionSettings& settings, const std::vector<std::string>& runtimes) {
  if (settings.runtime && std::find(runtimes.begin(), runtimes.end(), *settings.runtime) == runtimes.end()) {
    return invalid("Value " + *settings.runtime +
                   " at 'runtime' failed to satisfy constraint: " + rules::one_of(runtimes) + " or be a valid ARN");
  }
  if (settings.memory_mb && *settings.memory_mb > limits::max_memory_mb) {
    return invalid("'MemorySize' value failed to satisfy constraint: " + rules::value_at_most(limits::max_memory_mb));
  }
  if (settings.environment) {
    if (std::optional<ServiceError> refused = check_environment(*settings.environment)) return refused;
  }
  if (settings.layers && settings.layers->size() > 5) return invalid("Cannot reference more than 5 layers.");
  if (settings.layers && !settings.layers->empty()) return invalid("Layer version ARN does not exist.");
  return std::nullopt;
}

std::optional<ServiceError> check_preimport(const FunctionSettings& settings, const std::vector<std::string>& sets) {
  const std::string name = settings.preimport.value_or("");
  if (name.empty() || std::find(sets.begin(), sets.end(), name) != sets.end()) return std::nullopt;
  const std::string there = sets.empty() ? "it has none" : "it has " + list_text(sets);
  return invalid("Kiln.Preimport names no set of modules that this server loads ahead of time: '" + name + "' (" +
                 there + "; kiln serve --preimport NAME=MODULE,... makes one)");
}

std::optional<ServiceError> check_combination(const FunctionConfiguration& function) {
  if (!function.kiln.preimport.empty() && !function.runtime.starts_with("python")) {
    return invalid("Kiln.Preimport names modules that a Python has loaded, which the runtime " + function.runtime +
                   " does not");
  }
  if (!function.kiln.preload) return std::nullopt;
  if (!function.runtime.starts_with("python")) {
    return invalid("Kiln.Preload loads a function once and forks its instances from that, which the runtime " +
                   function.runtime + " cannot: only Python can");
  }
  if (function.kiln.isolation != "auto" && function.kiln.isolation != "sandbox") {
    return invalid("Kiln.Preload forks instances, which only the isolation sandbox can: the function asks for " +
                   function.kiln.isolation);
  }
  return std::nullopt;
}

}  // namespace kiln
