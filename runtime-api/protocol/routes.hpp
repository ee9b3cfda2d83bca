// SPDX-License-Identifier: Apache-2.0
// Paths of the Runtime API and of the APIs around it (developer guide; service model).
#pragma once

#include <string_view>

namespace kiln::routes {

inline constexpr std::string_view ping = "/ping";
inline constexpr std::string_view runtime_base = "/2018-06-01";
inline constexpr std::string_view ping_2018 = "/2018-06-01/ping";
inline constexpr std::string_view next = "/2018-06-01/runtime/invocation/next";
/// Followed by `{request id}/response` or `{request id}/error`.
inline constexpr std::string_view invocation_prefix = "/2018-06-01/runtime/invocation/";
inline constexpr std::string_view response_suffix = "/response";
inline constexpr std::string_view error_suffix = "/error";
inline constexpr std::string_view init_error = "/2018-06-01/runtime/init/error";
/// An explicit sign of readiness, in front of the first poll (from Tencent SCF's Runtime API).
inline constexpr std::string_view init_ready = "/2018-06-01/runtime/init/ready";
inline constexpr std::string_view restore_next = "/2018-06-01/runtime/restore/next";
inline constexpr std::string_view restore_error = "/2018-06-01/runtime/restore/error";

/// In front of every path of the Extensions API.
inline constexpr std::string_view extension_prefix = "/2020-01-01/extension/";
inline constexpr std::string_view extension_register = "/2020-01-01/extension/register";
inline constexpr std::string_view extension_next = "/2020-01-01/extension/event/next";
inline constexpr std::string_view extension_init_error = "/2020-01-01/extension/init/error";
inline constexpr std::string_view extension_exit_error = "/2020-01-01/extension/exit/error";

inline constexpr std::string_view telemetry = "/2022-07-01/telemetry";
inline constexpr std::string_view telemetry_slash = "/2022-07-01/telemetry/";  // as the developer guide has it
inline constexpr std::string_view logs = "/2020-08-15/logs";

/// The metadata endpoint.
inline constexpr std::string_view metadata = "/2026-01-15/metadata/execution-environment";

/// Followed by `{function name}/invocations`, or by nothing, a name, `/code`, `/configuration` for management.
inline constexpr std::string_view functions = "/2015-03-31/functions";
inline constexpr std::string_view invocations = "/invocations";
/// Followed by `/{function name}/response-streaming-invocations`: Invoke, answered by an event stream.
inline constexpr std::string_view streaming_functions = "/2021-11-15/functions";
inline constexpr std::string_view streaming_invocations = "/response-streaming-invocations";

}  // namespace kiln::routes
