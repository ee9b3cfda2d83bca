// SPDX-License-Identifier: Apache-2.0
// The closed list of error types, each with the exact condition under which it is used. Names follow the official
// emulator and the real service; the few of kiln's own are marked.
#pragma once

#include <string_view>

namespace kiln::error_types {

// --- Runtime API answers, as errorType of a 4xx/5xx body -------------------------------------------------------
/// 400: the id in the path is not the one in flight (or none is).
inline constexpr std::string_view invalid_request_id = "InvalidRequestID";
/// 403: the state machine has no such edge.
inline constexpr std::string_view invalid_state_transition = "InvalidStateTransition";
/// 400: Lambda-Runtime-Function-Response-Mode is neither absent nor "streaming".
inline constexpr std::string_view invalid_response_mode = "InvalidFunctionResponseMode";
/// 400: a chunked body ended before its last chunk.
inline constexpr std::string_view truncated_request = "TruncatedHTTPRequest";
/// 413: a posted body is over its limit.
inline constexpr std::string_view request_entity_too_large = "RequestEntityTooLarge";
/// 410: the invocation has timed out, or the Invocation-Id belongs to another attempt.
inline constexpr std::string_view invoke_timeout = "InvokeTimeout";
/// 400: a subscription request of the Telemetry API or of the Logs API that is not as their schemas want it.
inline constexpr std::string_view telemetry_validation_error = "ValidationError";
inline constexpr std::string_view logs_validation_error = "Logs.ValidationError";
/// 403: a subscription request after the init phase.
inline constexpr std::string_view telemetry_subscription_closed = "Telemetry.SubscriptionClosed";
inline constexpr std::string_view logs_subscription_closed = "Logs.SubscriptionClosed";
/// 500: the instance has more polls parked than limits::max_parked_polls.
inline constexpr std::string_view too_many_idle_runtimes = "Runtime.TooManyIdleRuntimes";
/// 500: the platform failed.
inline constexpr std::string_view internal_server_error = "InternalServerError";

// --- Extensions API answers, all 403 -----------------------------------------------------------------------------
/// A registration without Lambda-Extension-Name.
inline constexpr std::string_view invalid_extension_name = "Extension.InvalidExtensionName";
/// A registration's body is not the JSON it should be, or asks for configurationKeys.
inline constexpr std::string_view invalid_request_format = "InvalidRequestFormat";
/// An event that does not exist, or that this extension cannot have.
inline constexpr std::string_view invalid_event_type = "Extension.InvalidEventType";
/// The runtime has asked for its first event, or the instance is ending.
inline constexpr std::string_view registration_closed = "Extension.RegistrationClosed";
/// The extension's state machine has no such edge, or its name is taken.
inline constexpr std::string_view invalid_extension_state = "Extension.InvalidExtensionState";
/// limits::max_extensions are there already.
inline constexpr std::string_view too_many_extensions = "Extension.TooManyExtensions";
/// No Lambda-Extension-Identifier; one that is no UUID; one that nobody was given.
inline constexpr std::string_view missing_extension_identifier = "Extension.MissingExtensionIdentifier";
inline constexpr std::string_view invalid_extension_identifier = "Extension.InvalidExtensionIdentifier";
inline constexpr std::string_view unknown_extension_identifier = "Extension.UnknownExtensionIdentifier";
/// A report of an error without Lambda-Extension-Function-Error-Type.
inline constexpr std::string_view missing_extension_header = "Extension.MissingHeader";

// --- What an invoker sees, as errorType of a function error ----------------------------------------------------
/// The runtime process ended (exit or signal) before it answered.
inline constexpr std::string_view exit_error = "Runtime.ExitError";
/// The instance was killed for exceeding its memory.
inline constexpr std::string_view out_of_memory = "Runtime.OutOfMemory";
/// There is no executable bootstrap for the function.
inline constexpr std::string_view invalid_entrypoint = "Runtime.InvalidEntrypoint";
/// The invocation passed its deadline.
inline constexpr std::string_view timed_out = "Sandbox.Timedout";
/// The instance could not be made (launcher failure); nothing of the function ran.
inline constexpr std::string_view sandbox_failure = "Sandbox.Failure";
/// The function's code on the server's disk is not what was uploaded; nothing of it ran. Invoke answers 500 (kiln's own).
inline constexpr std::string_view code_corrupt = "CodeStorage.Corrupt";
/// An extension's process ended without a word.
inline constexpr std::string_view extension_crash = "Extension.Crash";
/// An extension reported that its init failed, or that it has to end.
inline constexpr std::string_view extension_init_error = "Extension.InitError";
inline constexpr std::string_view extension_exit_error = "Extension.ExitError";
/// An extension could not be started, or there are more than limits::max_extensions.
inline constexpr std::string_view extension_launch_error = "Extension.LaunchError";
/// The posted response is larger than limits::max_response_payload.
inline constexpr std::string_view response_size_too_large = "Function.ResponseSizeTooLarge";
/// The runtime posted a bad response mode.
inline constexpr std::string_view invalid_response_mode_header = "Runtime.InvalidResponseModeHeader";
/// The hooks of a restore took longer than limits::restore_timeout.
inline constexpr std::string_view restore_timeout = "Runtime.RestoreHookUserTimeout";
/// A response body was cut short.
inline constexpr std::string_view truncated_response = "Runtime.TruncatedResponse";
/// The invoker went away in the middle of a streamed response, and the function goes on sending without end (kiln's own;
/// in logs only).
inline constexpr std::string_view invoker_gone = "Sandbox.InvokerGone";
/// An Error-Type header that is not (Runtime|Function).[A-Z][a-zA-Z]+ is mapped to one of these.
inline constexpr std::string_view runtime_unknown = "Runtime.Unknown";
inline constexpr std::string_view function_unknown = "Function.Unknown";

// --- Reported by our bootstraps (names of the official Python client) --------------------------------------------
/// The handler name has no dot.
inline constexpr std::string_view malformed_handler_name = "Runtime.MalformedHandlerName";
/// The module of the handler cannot be found or loaded.
inline constexpr std::string_view import_module_error = "Runtime.ImportModuleError";
/// The module does not parse.
inline constexpr std::string_view user_code_syntax_error = "Runtime.UserCodeSyntaxError";
/// The module has no such function.
inline constexpr std::string_view handler_not_found = "Runtime.HandlerNotFound";
/// The module's first component is built into the interpreter.
inline constexpr std::string_view built_in_module_conflict = "Runtime.BuiltInModuleConflict";
/// The event is not JSON.
inline constexpr std::string_view unmarshal_error = "Runtime.UnmarshalError";
/// The handler's result cannot be turned into JSON.
inline constexpr std::string_view marshal_error = "Runtime.MarshalError";
/// The client context is not JSON.
inline constexpr std::string_view context_unmarshal_error = "Runtime.LambdaContextUnmarshalError";
/// A hook that the function has registered to run before the snapshot failed.
inline constexpr std::string_view before_snapshot_error = "Runtime.BeforeSnapshotError";
/// A hook that the function has registered to run after the restore failed.
inline constexpr std::string_view after_restore_error = "Runtime.AfterRestoreError";
/// A C++ function was built against an incompatible version of the C ABI (kiln's own).
inline constexpr std::string_view abi_mismatch = "Runtime.AbiMismatch";

}  // namespace kiln::error_types
