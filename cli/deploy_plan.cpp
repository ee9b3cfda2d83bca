// SPDX-License-Identifier: Apache-2.0
#include "cli/deploy_plan.hpp"

#include "cli/defaults.hpp"
#include "cli/failure.hpp"
#include "cli/triggers.hpp"

#include <algorithm>
#include <cctype>

namespace kiln::cli {
namespace {

constexpr std::size_t max_name = 64;

// "pkg/mod.fn" and "pkg.mod.fn" both name the file pkg/mod.
std::string handler_module(const std::string& handler) {
  auto module = handler.substr(0, handler.rfind('.'));
  std::replace(module.begin(), module.end(), '.', '/');
  return module;
}

std::string family_of(const std::string& runtime) {
  return runtime.starts_with("python") ? "python" : runtime.starts_with("provided") ? "provided" : runtime;
}

// "python3.9" before "python3.11": by the number behind the dot.
int minor_version(const std::string& runtime) {
  const auto dot = runtime.find('.');
  return dot == std::string::npos ? 0 : std::atoi(runtime.c_str() + dot + 1);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

std::string runtime_of_family(const std::string& family, const std::vector<std::string>& available) {
  std::string best;
  for (const auto& name : available) {
    if (family_of(name) == family && (best.empty() || minor_version(name) > minor_version(best))) {
      best = name;
    }
  }
  if (best.empty()) {
    throw CommandFailure({.code = ExitCode::refused,
                          .message = "this looks like a " + family + " function, and the server has no such runtime",
                          .advice = {"it has: " + joined(available)}});
  }
  return best;
}

std::string inferred_runtime(const Package& package, const std::string& handler,
                             const std::function<std::vector<std::string>()>& server_runtimes) {
  const auto family = runtime_family(package, handler);
  if (family.empty()) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = "cannot tell the runtime of this function from its files",
                          .advice = {"say it:  --runtime NAME    (kiln runtimes lists them)",
                                     "known by themselves: an executable `bootstrap` (provided), MODULE.so (cpp), "
                                     "MODULE.py (python), where the handler is MODULE.FUNCTION"}});
  }
  return runtime_of_family(family, server_runtimes());
}

Json kiln_members(const FunctionSettings& settings) {
  Json members = Json::object();
  const auto set = [&members](const char* name, const std::optional<int>& value) {
    if (value) {
      members[name] = *value;
    }
  };
  set("Concurrency", settings.concurrency);
  set("MaxInstances", settings.max_instances);
  set("MinInstances", settings.min_instances);
  set("IdleSeconds", settings.idle_s);
  if (settings.ready_schedule) {
    members["ReadySchedule"] = *settings.ready_schedule;
  }
  if (settings.isolation) {
    members["Isolation"] = *settings.isolation;
  }
  if (settings.image) {
    members["Image"] = *settings.image;
  }
  if (settings.pull) {
    members["Pull"] = *settings.pull;
  }
  if (settings.preload) {
    members["Preload"] = *settings.preload;
  }
  if (settings.preimport) {
    members["Preimport"] = *settings.preimport;
  }
  return members;
}

// The levels belong to the JSON format: elsewhere the server would take them without a word, and nothing would change.
Json logging_members(const FunctionSettings& settings, const std::optional<Json>& existing) {
  Json members = Json::object();
  if (settings.log_format) {
    members["LogFormat"] = *settings.log_format;
  }
  if (settings.log_level) {
    members["ApplicationLogLevel"] = *settings.log_level;
  }
  if (settings.system_log_level) {
    members["SystemLogLevel"] = *settings.system_log_level;
  }
  const Json current = existing ? existing->value("LoggingConfig", Json::object()) : Json::object();
  const auto format = settings.log_format.value_or(text_of(current, "LogFormat"));
  if ((settings.log_level || settings.system_log_level) && format != "JSON") {
    throw CommandFailure({.code = ExitCode::usage,
                          .message = "log levels are for logs in JSON format, and this function's is text",
                          .advice = {"add:  --log-format json"}});
  }
  return members;
}

// What the command line says, in the words of the API; `body` already holds what was inferred.
void add_settings(Json& body, const FunctionSettings& settings, const std::optional<Json>& existing) {
  if (settings.description) {
    body["Description"] = *settings.description;
  }
  if (settings.memory_mb) {
    body["MemorySize"] = *settings.memory_mb;
  }
  if (settings.timeout_s) {
    body["Timeout"] = *settings.timeout_s;
  }
  if (!settings.environment.empty() || settings.clear_environment) {
    body["Environment"] = {{"Variables", environment_object(settings.environment)}};
  }
  if (auto members = logging_members(settings, existing); !members.empty()) {
    body["LoggingConfig"] = std::move(members);
  }
  if (auto members = kiln_members(settings); !members.empty()) {
    body["Kiln"] = std::move(members);
  }
}

// The same value again is no change; members of objects (Environment, Kiln) are compared as a whole or one by one.
bool differs(const Json& wanted, const Json& current) {
  if (!wanted.is_object() || !current.is_object()) {
    return wanted != current;
  }
  return std::any_of(wanted.items().begin(), wanted.items().end(), [&](const auto& item) {
    const auto found = current.find(item.key());
    return found == current.end() || differs(item.value(), *found);
  });
}

bool same_environment(const Json& wanted, const Json& existing) {
  const auto found = existing.find("Environment");
  const Json current = found == existing.end() ? Json::object() : found->value("Variables", Json::object());
  // Order is of no meaning here, and ordered_json would compare it.
  return nlohmann::json(wanted.at("Variables")) == nlohmann::json(current);
}

// What a function of `runtime` needs and `package` does not hold; empty where nothing is missing, as far as one can tell.
std::string missing_file(const Package& package, const std::string& runtime, const std::string& handler) {
  const auto module = handler_module(handler);
  if (runtime.starts_with("python") && !package.holds(module + ".py") && !package.holds(module + "/__init__.py") &&
      !package.holds(module + ".pyc")) {
    return module + ".py";
  }
  if (runtime == "cpp" && !package.holds(module + ".so")) {
    return module + ".so";
  }
  if (runtime.starts_with("provided") && !package.holds("bootstrap", true)) {
    return package.holds("bootstrap") ? "executable bootstrap (chmod +x it)" : "bootstrap";
  }
  return {};
}

// A function whose files have become another language's changes its runtime with them, unless it is told otherwise.
std::string runtime_for_update(const std::string& current, const std::string& handler, const Package& package,
                               const std::function<std::vector<std::string>()>& server_runtimes, DeployPlan& plan) {
  const auto family = runtime_family(package, handler);
  if (family.empty() || family == family_of(current) || package.holds("bootstrap") ||
      missing_file(package, current, handler).empty()) {
    return current;
  }
  auto runtime = runtime_of_family(family, server_runtimes());
  plan.notes.push_back("the runtime changes from " + current + " to " + runtime + ", which the files call for");
  return runtime;
}

}  // namespace

std::string default_name(const std::filesystem::path& source) {
  auto path = std::filesystem::absolute(source).lexically_normal();
  if (!path.has_filename()) {
    path = path.parent_path();
  }
  auto name = (path.extension() == ".zip" ? path.stem() : path.filename()).string().substr(0, max_name);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '-');
  return name;
}

std::string runtime_family(const Package& package, const std::string& handler) {
  const auto module = handler_module(handler);
  if (package.holds("bootstrap", true)) {
    return "provided";
  }
  if (package.holds(module + ".py") || package.holds(module + "/__init__.py")) {
    return "python";
  }
  if (package.holds(module + ".so")) {
    return "cpp";
  }
  const bool any_python = std::any_of(package.entries.begin(), package.entries.end(), [](const PackageEntry& entry) {
    return entry.path.ends_with(".py") && entry.path.find('/') == std::string::npos;
  });
  return any_python ? "python" : "";
}

Json environment_object(const std::vector<std::string>& settings) {
  Json variables = Json::object();
  for (const auto& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw CommandFailure({.code = ExitCode::usage,
                            .message = "--env takes KEY=VALUE, not '" + setting + "'",
                            .advice = {"several:  --env A=1 --env B=2    none at all:  --no-env"}});
    }
    variables[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return variables;
}

DeployPlan plan_deploy(const FunctionSettings& settings, const Package& package, const std::optional<Json>& existing,
                       const std::function<std::vector<std::string>()>& server_runtimes) {
  DeployPlan plan{.name = settings.name, .create = {}, .configuration = {}, .code = true, .notes = {}};
  Json body = Json::object();
  std::string handler = settings.handler.value_or(std::string(defaults::handler));
  std::string runtime;
  if (!existing) {
    runtime = settings.runtime ? *settings.runtime : inferred_runtime(package, handler, server_runtimes);
    plan.create = {{"FunctionName", settings.name}, {"Runtime", runtime}, {"Handler", handler}};
    add_settings(plan.create, settings, existing);
  } else {
    handler = settings.handler.value_or(text_of(*existing, "Handler"));
    runtime = settings.runtime
                  ? *settings.runtime
                  : runtime_for_update(text_of(*existing, "Runtime"), handler, package, server_runtimes, plan);
    body["Runtime"] = runtime;
    body["Handler"] = handler;
    add_settings(body, settings, existing);
    if (body.contains("Environment") && same_environment(body["Environment"], *existing)) {
      body.erase("Environment");
    }
    for (const auto* name : {"Runtime", "Handler", "Description", "MemorySize", "Timeout", "LoggingConfig", "Kiln"}) {
      if (body.contains(name) && existing->contains(name) && !differs(body[name], existing->at(name))) {
        body.erase(name);
      }
    }
    plan.configuration = body.empty() ? Json() : body;
    plan.code = text_of(*existing, "CodeSha256") != package.code_sha256();
  }
  if (const auto missing = missing_file(package, runtime, handler); !missing.empty()) {
    plan.notes.push_back("the handler is " + handler + ", but the package holds no " + missing);
  }
  return plan;
}

}  // namespace kiln::cli
