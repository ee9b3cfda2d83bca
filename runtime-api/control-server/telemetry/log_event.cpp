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
  };
  return std::visit(Name{}, event.body);
}

}  // namespace kiln
