// SPDX-License-Identifier: Apache-2.0
// Where promises stand: what a case names as its source.
#pragma once

#include <string_view>

namespace kiln::conformance::sources {

// https://docs.aws.amazon.com/lambda/latest/dg/…
inline constexpr std::string_view next = "AWS Lambda developer guide, runtimes-api: Next invocation";
inline constexpr std::string_view response = "AWS Lambda developer guide, runtimes-api: Invocation response";
inline constexpr std::string_view error = "AWS Lambda developer guide, runtimes-api: Invocation error";
inline constexpr std::string_view init_error = "AWS Lambda developer guide, runtimes-api: Initialization error";
inline constexpr std::string_view custom = "AWS Lambda developer guide, runtimes-custom: Building a custom runtime";
inline constexpr std::string_view streaming = "AWS Lambda developer guide, runtimes-custom: Response streaming";
inline constexpr std::string_view environment = "AWS Lambda developer guide, configuration-envvars: Defined variables";
inline constexpr std::string_view lifecycle = "AWS Lambda developer guide, lambda-runtime-environment";
inline constexpr std::string_view concurrency = "AWS Lambda developer guide, lambda-managed-instances: runtimes";
inline constexpr std::string_view quotas = "AWS Lambda developer guide, gettingstarted-limits: Quotas";
inline constexpr std::string_view invoke = "AWS Lambda service model: Invoke";
inline constexpr std::string_view invoke_stream = "AWS Lambda service model: InvokeWithResponseStream";

/// What AWS Lambda itself does where the emulator, which is all that can be tried at home, does not.
inline constexpr std::string_view service = "AWS Lambda, the real service (the official emulator differs)";

inline constexpr std::string_view http_messages = "RFC 9112 (HTTP/1.1), 6 and 7: message bodies, chunked coding";
inline constexpr std::string_view http_connections = "RFC 9112 (HTTP/1.1), 9: connections, pipelining";
inline constexpr std::string_view http_fields = "RFC 9110 (HTTP), 5.1: field names have no case";
inline constexpr std::string_view http_methods = "RFC 9110 (HTTP), 15.5.6: 405 Method Not Allowed";
inline constexpr std::string_view http_expect = "RFC 9110 (HTTP), 10.1.1: Expect";

/// What awslambdaric 4.2, aws-lambda-ric 4.0, aws-lambda-go 1.55, lambda_runtime 1.5 and the Java client 2.9 do or need.
inline constexpr std::string_view clients = "the official runtime clients, as observed on the wire";
/// aws-lambda-runtime-interface-emulator, internal/lambda/rapi and core/states.go.
inline constexpr std::string_view emulator = "the official emulator: its state machine and error bodies";
/// Lambda-Runtime-Invocation-Id: sent by the service, echoed by the Python (4.0.2) and Rust clients.
inline constexpr std::string_view invocation_id =
    "the official runtime clients (Python, Rust): Lambda-Runtime-Invocation-Id";

}  // namespace kiln::conformance::sources
