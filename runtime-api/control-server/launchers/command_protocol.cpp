// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/command_protocol.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_handle = 1'024;
constexpr std::size_t max_error_type = 128;
constexpr int max_pid = 1 << 22;  // the kernel's own limit
constexpr int max_signal = 64;

Json request(std::string_view action) { return {{"version", launch_version}, {"action", action}}; }

/// Paths may be bytes of any kind.
std::string text_of(const Json& document) { return document.dump(-1, ' ', false, Json::error_handler_t::replace); }

double seconds(std::chrono::milliseconds span) { return static_cast<double>(span.count()) / 1000; }

/// From the "KEY=VALUE" that a process would get.
Json environment_json(const std::vector<std::string>& entries) {
  Json all = Json::object();
  for (const std::string& entry : entries) {
    const auto end_of_name = entry.find('=');
    all[entry.substr(0, end_of_name)] = entry.substr(end_of_name + 1);
  }
  return all;
}

Json folder_json(const std::filesystem::path& host, const std::string& inside) {
  return {{"host", host.string()}, {"instance", inside}};
}

Json folders_json(const InstanceSpec& spec, const InstancePaths& inside) {
  Json folders = {{"task", folder_json(spec.task_root, inside.task_root)}};
  if (!spec.runtime_root.empty()) folders["runtime"] = folder_json(spec.runtime_root, inside.runtime_root);
  std::error_code error;
  if (std::filesystem::is_directory(spec.layers_root, error)) {
    folders["layers"] = folder_json(spec.layers_root, inside.layers_root);
  }
  return folders;
}

Json limits_json(const InstanceSpec& spec) {
  return {{"memoryMB", spec.memory_mb},
          {"cpus", static_cast<double>(spec.memory_mb) / limits::memory_mb_of_one_cpu},
          {"processes", limits::instance_processes},
          {"openFiles", limits::instance_open_files},
          {"tmpMB", spec.tmp_mb},
          {"timeoutSeconds", spec.timeout_s}};
}

Json about(std::string_view action, const CommandSubject& subject) {
  Json document = request(action);
  document["instance"] = subject.instance_id;
  document["function"] = subject.function_name;
  if (!subject.handle.empty()) document["id"] = subject.handle;
  return document;
}

std::string_view word(StopReason reason) {
  switch (reason) {
    case StopReason::shutdown: return "shutdown";
    case StopReason::kill: return "kill";
    case StopReason::ended: return "ended";
    case StopReason::start_failed: return "start-failed";
    case StopReason::orphaned: return "orphaned";
  }
  return "kill";
}

/// Why `document` is none of ours; empty where it is.
std::string why_not_ours(const Json& document) {
  if (document.is_discarded()) return "it is not JSON";
  if (!document.is_object()) return "it is not a JSON object";
  const auto version = document.find("version");
  if (version == document.end()) return R"(it has no member "version")";
  if (*version != launch_version) {
    const std::string theirs = version->is_string() ? version->get<std::string>().substr(0, 100) : "no text";
    return "its version is " + theirs + ", and this server speaks " + std::string(launch_version);
  }
  return {};
}

/// The whole number `name`, where there is one, from 0 to `most`. False: it is something else.
bool read_number(const Json& document, const char* name, long most, long& out) {
  const auto at = document.find(name);
  if (at == document.end() || at->is_null()) return true;
  if (!at->is_number_integer() || *at < 0 || *at > most) return false;
  out = at->get<long>();
  return true;
}

bool read_flag(const Json& document, const char* name, bool& out) {
  const auto at = document.find(name);
  if (at == document.end() || at->is_null()) return true;
  if (!at->is_boolean()) return false;
  out = at->get<bool>();
  return true;
}

bool read_text(const Json& document, const char* name, std::size_t most, std::string& out) {
  const auto at = document.find(name);
  if (at == document.end() || at->is_null()) return true;
  if (!at->is_string()) return false;
  out = at->get<std::string>();
  return out.size() <= most;
}

/// Whether it can be the type of a function error: it becomes part of a header.
bool is_error_type(const std::string& text) {
  return !text.empty() && text.size() <= max_error_type && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
  });
}

}  // namespace

std::string describe_request() { return text_of(request("describe")); }

std::string start_request(const InstanceSpec& spec, const InstancePaths& inside, std::string_view address) {
  Json document = about("start", {spec.instance_id, spec.function_name, {}});
  document["runtime"] = spec.runtime;
  if (!spec.image.empty()) document["image"] = spec.image;
  Json program = Json::array({executable_inside(spec, inside)});
  for (const std::string& argument : spec.arguments) program.push_back(argument);
  document["program"] = std::move(program);
  document["workingDirectory"] = inside.task_root;
  document["environment"] = environment_json(spec.environment);
  const auto handler = document["environment"].find(environment::handler);
  if (handler != document["environment"].end()) document["handler"] = *handler;
  document["folders"] = folders_json(spec, inside);
  document["limits"] = limits_json(spec);
  document["runtimeApi"] = address;
  document["deadlineMs"] = spec.init_deadline.to_epoch_ms();
  return text_of(document);
}

std::string wait_request(const CommandSubject& subject) { return text_of(about("wait", subject)); }

std::string stop_request(const CommandSubject& subject, StopReason reason, std::chrono::milliseconds grace,
                         std::chrono::milliseconds limit) {
  Json document = about("stop", subject);
  document["reason"] = word(reason);
  document["graceSeconds"] = seconds(grace);
  document["timeLimitSeconds"] = seconds(limit);
  return text_of(document);
}

CommandSubject read_subject(std::string_view request) {
  CommandSubject subject;
  const Json document = Json::parse(request, nullptr, false);
  if (!document.is_object()) return subject;
  read_text(document, "instance", max_handle, subject.instance_id);
  read_text(document, "function", max_handle, subject.function_name);
  read_text(document, "id", max_handle, subject.handle);
  return subject;
}

std::optional<LaunchError> told_error(std::string_view answer) {
  const Json document = Json::parse(answer, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto at = document.find("error");
  if (at == document.end() || !at->is_object()) return std::nullopt;
  LaunchError error;
  if (!read_text(*at, "type", max_error_type, error.type) || !is_error_type(error.type)) {
    error.type = error_types::sandbox_failure;
  }
  if (!read_text(*at, "message", max_launch_answer, error.message) || error.message.empty()) {
    error.message = "The launch command could not start the instance, and did not say why";
  }
  return error;
}

std::variant<CommandDescription, std::string> read_description(std::string_view answer) {
  const Json document = Json::parse(answer, nullptr, false);
  if (std::string why = why_not_ours(document); !why.empty()) return why;
  CommandDescription description;
  if (!read_text(document, "name", 100, description.name))
    return std::string(R"("name" is not a text of at most 100 bytes)");
  std::string paths = "image";
  if (!read_text(document, "paths", 10, paths) || (paths != "image" && paths != "host")) {
    return std::string(R"("paths" is neither "image" nor "host")");
  }
  description.host_paths = paths == "host";
  return description;
}

std::variant<CommandStart, std::string> read_start(std::string_view answer) {
  const Json document = Json::parse(answer, nullptr, false);
  if (std::string why = why_not_ours(document); !why.empty()) return why;
  CommandStart start;
  long pid = 0;
  if (!read_text(document, "id", max_handle, start.handle))
    return std::string(R"("id" is not a text of at most 1,024 bytes)");
  if (!read_number(document, "pid", max_pid, pid)) return std::string(R"("pid" is not the number of a process)");
  if (!read_flag(document, "wait", start.wait)) return std::string(R"("wait" is neither true nor false)");
  start.pid = static_cast<int>(pid);
  if (start.pid != 0 && start.wait)
    return std::string(R"(it has both "pid" and "wait", and only one can tell of the end)");
  return start;
}

std::variant<CommandEnd, std::string> read_end(std::string_view answer) {
  CommandEnd end;
  if (answer.find_first_not_of(" \t\r\n") == std::string_view::npos) return end;  // it has nothing to say
  const Json document = Json::parse(answer, nullptr, false);
  if (std::string why = why_not_ours(document); !why.empty()) return why;
  long code = 0;
  long signal = 0;
  if (!read_number(document, "exitCode", 255, code)) return std::string(R"("exitCode" is not a number from 0 to 255)");
  if (!read_number(document, "signal", max_signal, signal))
    return std::string(R"("signal" is not the number of a signal)");
  if (!read_flag(document, "outOfMemory", end.status.out_of_memory))
    return std::string(R"("outOfMemory" is neither true nor false)");
  if (!read_number(document, "peakMemoryKiB", 1L << 40, end.peak_memory_kib)) {
    return std::string(R"("peakMemoryKiB" is not a whole number)");
  }
  end.status.code = static_cast<int>(code);
  end.status.signal = static_cast<int>(signal);
  return end;
}

}  // namespace kiln
