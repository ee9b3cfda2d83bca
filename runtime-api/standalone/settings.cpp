// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <sstream>

#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln::standalone {
namespace {

// As long as the official emulator allows a function that says nothing else.
constexpr int default_timeout_s = 300;
// Where the container has no limit that says more; what the official emulator tells functions.
constexpr int default_memory_mb = 3008;
constexpr int most_instances = 1000;
constexpr int default_init_timeout_s = std::chrono::duration_cast<std::chrono::seconds>(limits::init_timeout).count();
constexpr int default_queue_timeout_s = 20;
constexpr int longest_s = 24 * 3600;
// Calls that are never made do not cost a container anything, and whoever scales it removes it whole.
constexpr int keep_idle_s = 10 * 365 * 24 * 3600;

using Environment = std::map<std::string, std::string>;

/// The first of `names` that is set to something.
std::string first_of(const Environment& environment, std::initializer_list<const char*> names,
                     std::string_view fallback = {}) {
  for (const char* const name : names) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return std::string(fallback);
}

/// What commas and blanks separate.
std::vector<std::string> words(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// Reads numbers and remembers the first that is none.
class Numbers {
 public:
  explicit Numbers(const Environment& environment) : environment_(environment) {}

  int read(const char* name, int fallback, int least, int most) {
    const std::string text = first_of(environment_, {name});
    if (text.empty()) return fallback;
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) return value;
    if (!bad_) {
      bad_ = BadSetting{std::string(name) + "=" + text + ": a number from " + std::to_string(least) + " to " +
                        std::to_string(most) + " is expected"};
    }
    return fallback;
  }
  const std::optional<BadSetting>& bad() const { return bad_; }

 private:
  const Environment& environment_;
  std::optional<BadSetting> bad_;
};

LoggingConfiguration logging(const Environment& environment, const std::string& name) {
  LoggingConfiguration logging;
  logging.group = first_of(environment, {kiln::environment::log_group}, "/aws/lambda/" + name);
  std::string format = first_of(environment, {kiln::environment::log_format});
  std::transform(format.begin(), format.end(), format.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (format != "JSON") return logging;
  logging.format = "JSON";
  logging.application_level = first_of(environment, {kiln::environment::log_level}, "INFO");
  logging.system_level = "INFO";
  return logging;
}

}  // namespace

SettingsResult read_settings(const Environment& environment, const std::vector<std::string>& arguments,
                             std::optional<int> memory_limit_mb) {
  namespace env = kiln::environment;
  Settings settings;
  Numbers numbers(environment);
  FunctionConfiguration& function = settings.function;
  function.name = first_of(environment, {env::function_name, "K_SERVICE"}, "function");
  function.version = first_of(environment, {env::function_version, "K_REVISION"}, "$LATEST");
  function.runtime = "provided";
  std::string execution_env = first_of(environment, {env::execution_env});
  constexpr std::string_view aws_lambda = "AWS_Lambda_";
  if (execution_env.starts_with(aws_lambda)) function.runtime = execution_env.substr(aws_lambda.size());
  function.handler = arguments.empty() ? first_of(environment, {env::handler}) : arguments.front();
  settings.account.region = first_of(environment, {env::region, env::default_region}, settings.account.region);
  function.arn = function_arn(settings.account, function.name);
  function.timeout_s = numbers.read("AWS_LAMBDA_FUNCTION_TIMEOUT", default_timeout_s, limits::min_timeout_s, longest_s);
  function.memory_mb = numbers.read(env::function_memory, memory_limit_mb.value_or(default_memory_mb), 1, 1 << 20);
  function.kiln.concurrency = numbers.read(env::max_concurrency, limits::default_concurrency, 1, most_instances);
  function.kiln.max_instances = numbers.read("KILN_MAX_INSTANCES", 1, 1, most_instances);
  settings.zygote = numbers.read("KILN_ZYGOTE", 1, 0, 1) == 1;
  settings.preimports = words(first_of(environment, {"KILN_PREIMPORT"}));
  function.kiln.idle_seconds = keep_idle_s;
  // The first is there before anybody may call, and is made anew where it crashes.
  function.kiln.min_instances = 1;
  if (first_of(environment, {env::initialization_type}) == "snap-start") function.snap_start = "PublishedVersions";
  function.logging = logging(environment, function.name);
  function.environment = environment;
  // What only the server can say to an instance; whoever has started the container has meant this process.
  for (const char* const name : {env::runtime_api, env::runtime_api_fd, env::metadata_api, env::metadata_token,
                                 env::telemetry_log_fd, env::trace_id}) {
    function.environment->erase(name);
  }
  settings.task_root = first_of(environment, {env::task_root}, "/var/task");
  settings.runtime_dir = first_of(environment, {env::runtime_dir}, "/var/runtime");
  settings.exec_wrapper = first_of(environment, {"AWS_LAMBDA_EXEC_WRAPPER"});
  settings.host = first_of(environment, {"KILN_HOST"}, settings.host);
  settings.port = static_cast<unsigned short>(numbers.read("PORT", 8080, 0, 65535));
  settings.operations_port = static_cast<unsigned short>(numbers.read("KILN_OPERATIONS_PORT", 9464, 0, 65535));
  // Kubernetes takes a pod's address away while it ends, not before. Knative has waited for the last request already.
  const bool races = environment.contains("KUBERNETES_SERVICE_HOST") && !environment.contains("K_SERVICE");
  settings.drain_delay = std::chrono::seconds(numbers.read("KILN_DRAIN_DELAY", races ? 5 : 0, 0, 3600));
  settings.init_timeout = std::chrono::seconds(numbers.read("KILN_INIT_TIMEOUT", default_init_timeout_s, 1, longest_s));
  settings.queue_timeout =
      std::chrono::seconds(numbers.read("KILN_QUEUE_TIMEOUT", default_queue_timeout_s, 1, longest_s));
  settings.drain_timeout = settings.queue_timeout + std::chrono::seconds(function.timeout_s + 1);
  if (numbers.bad()) return {std::nullopt, numbers.bad()};
  return {std::move(settings), std::nullopt};
}

Environment current_environment() {
  Environment found;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) {
      found.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
    }
  }
  return found;
}

}  // namespace kiln::standalone
