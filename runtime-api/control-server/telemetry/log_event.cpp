// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_event.hpp"

#include <type_traits>

namespace kiln {

std::string_view request_id(const LogEvent& event) {
  return std::visit(
      [](const auto& body) -> std::string_view {
        if constexpr (requires { body.request_id; }) {
          return body.request_id;
        } else {
          return {};
        }
      },
      event.body);
}

LogLevel level_of(const LogEvent::Body& body) {
  struct Level {
    static LogLevel unless_failed(std::string_view status, LogLevel level) {
      return status.empty() ? level : LogLevel::warn;
    }
    LogLevel operator()(const InitStart& event) const {
      return event.runtime_version.empty() ? LogLevel::debug : LogLevel::info;
    }
    LogLevel operator()(const InitRuntimeDone& event) const { return unless_failed(event.status, LogLevel::debug); }
    LogLevel operator()(const InitReport& event) const {
      return unless_failed(event.status, event.kind.snap_start ? LogLevel::info : LogLevel::debug);
    }
    LogLevel operator()(const RestoreStart& event) const {
      return event.runtime_version.empty() ? LogLevel::debug : LogLevel::info;
    }
    LogLevel operator()(const RestoreRuntimeDone& event) const { return unless_failed(event.status, LogLevel::debug); }
    LogLevel operator()(const RestoreReport& event) const { return unless_failed(event.status, LogLevel::info); }
    LogLevel operator()(const InvocationStart&) const { return LogLevel::info; }
    LogLevel operator()(const RuntimeDone& event) const { return unless_failed(event.status, LogLevel::debug); }
    LogLevel operator()(const Report& event) const { return unless_failed(event.status, LogLevel::info); }
    LogLevel operator()(const ExtensionInit& event) const { return unless_failed(event.error_type, LogLevel::info); }
    LogLevel operator()(const Subscribed&) const { return LogLevel::info; }
    LogLevel operator()(const RecordsDropped&) const { return LogLevel::warn; }
    LogLevel operator()(const Truncation&) const { return LogLevel::warn; }
    LogLevel operator()(const Fault&) const { return LogLevel::error; }
    LogLevel operator()(const InvocationEnd&) const { return LogLevel::info; }
    LogLevel operator()(const OutputLine&) const { return LogLevel::info; }
  };
  return std::visit(Level(), body);
}

std::string_view type_name(const LogEvent& event) {
  struct Name {
    std::string_view operator()(const InitStart&) const { return "platform.initStart"; }
    std::string_view operator()(const InvocationStart&) const { return "platform.start"; }
    std::string_view operator()(const OutputLine& line) const {
      return line.origin == OutputOrigin::extension ? "extension" : "function";
    }
    std::string_view operator()(const Fault&) const { return "platform.fault"; }
    std::string_view operator()(const InvocationEnd&) const { return "platform.end"; }
    std::string_view operator()(const Report&) const { return "platform.report"; }
    std::string_view operator()(const Truncation&) const { return "platform.logsDropped"; }
    std::string_view operator()(const InitRuntimeDone&) const { return "platform.initRuntimeDone"; }
    std::string_view operator()(const InitReport&) const { return "platform.initReport"; }
    std::string_view operator()(const RuntimeDone&) const { return "platform.runtimeDone"; }
    std::string_view operator()(const RestoreStart&) const { return "platform.restoreStart"; }
    std::string_view operator()(const RestoreRuntimeDone&) const { return "platform.restoreRuntimeDone"; }
    std::string_view operator()(const RestoreReport&) const { return "platform.restoreReport"; }
    std::string_view operator()(const ExtensionInit&) const { return "platform.extension"; }
    std::string_view operator()(const Subscribed& event) const {
      return event.by_logs_api ? "platform.logsSubscription" : "platform.telemetrySubscription";
    }
    std::string_view operator()(const RecordsDropped&) const { return "platform.logsDropped"; }
  };
  return std::visit(Name{}, event.body);
}

std::string_view to_string(InitPhase phase) { return phase == InitPhase::init ? "init" : "invoke"; }

}  // namespace kiln
