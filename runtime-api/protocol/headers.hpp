// SPDX-License-Identifier: Apache-2.0
// Header names, written as we send them; all are matched without regard to case.
#pragma once

#include <string_view>

namespace kiln::headers {

// Runtime API, on GET /next (developer guide, "Using the Lambda runtime API for custom runtimes").
inline constexpr std::string_view request_id = "Lambda-Runtime-Aws-Request-Id";
inline constexpr std::string_view invocation_id = "Lambda-Runtime-Invocation-Id";
inline constexpr std::string_view deadline_ms = "Lambda-Runtime-Deadline-Ms";
inline constexpr std::string_view function_arn = "Lambda-Runtime-Invoked-Function-Arn";
inline constexpr std::string_view trace_id = "Lambda-Runtime-Trace-Id";
inline constexpr std::string_view client_context = "Lambda-Runtime-Client-Context";
inline constexpr std::string_view cognito_identity = "Lambda-Runtime-Cognito-Identity";
inline constexpr std::string_view tenant_id = "Lambda-Runtime-Aws-Tenant-Id";

// Runtime API, on posts.
inline constexpr std::string_view response_mode = "Lambda-Runtime-Function-Response-Mode";
inline constexpr std::string_view error_type = "Lambda-Runtime-Function-Error-Type";
inline constexpr std::string_view error_body = "Lambda-Runtime-Function-Error-Body";
inline constexpr std::string_view xray_error_cause = "Lambda-Runtime-Function-XRay-Error-Cause";
/// What the runtime can do beyond the first version of the contract; shown by platforms with its release.
inline constexpr std::string_view runtime_features = "Lambda-Runtime-Features";
/// kiln's own: peak resident memory of the runtime process in KiB, sent by our bootstraps when it has grown.
inline constexpr std::string_view max_rss_kib = "Kiln-Max-Rss-Kib";

// Extensions API (developer guide, "Using the Lambda Extensions API").
inline constexpr std::string_view extension_name = "Lambda-Extension-Name";
inline constexpr std::string_view extension_identifier = "Lambda-Extension-Identifier";
inline constexpr std::string_view extension_accept_feature = "Lambda-Extension-Accept-Feature";
inline constexpr std::string_view extension_event_identifier = "Lambda-Extension-Event-Identifier";
inline constexpr std::string_view extension_error_type = "Lambda-Extension-Function-Error-Type";

// Invoke API (service model of InvokeFunction).
inline constexpr std::string_view amzn_request_id = "x-amzn-RequestId";
inline constexpr std::string_view amzn_error_type = "x-amzn-ErrorType";
inline constexpr std::string_view amzn_trace_id = "X-Amzn-Trace-Id";
inline constexpr std::string_view amz_invocation_type = "X-Amz-Invocation-Type";
inline constexpr std::string_view amz_log_type = "X-Amz-Log-Type";
inline constexpr std::string_view amz_log_result = "X-Amz-Log-Result";
inline constexpr std::string_view amz_function_error = "X-Amz-Function-Error";
inline constexpr std::string_view amz_executed_version = "X-Amz-Executed-Version";
inline constexpr std::string_view amz_client_context = "X-Amz-Client-Context";
inline constexpr std::string_view amz_tenant_id = "X-Amz-Tenant-Id";
// W3C Trace Context and Baggage.
inline constexpr std::string_view traceparent = "traceparent";
inline constexpr std::string_view tracestate = "tracestate";
inline constexpr std::string_view baggage = "baggage";
inline constexpr std::string_view server_timing = "Server-Timing";
inline constexpr std::string_view retry_after = "Retry-After";

}  // namespace kiln::headers
