// SPDX-License-Identifier: Apache-2.0
// Environment variables of an instance (developer guide, "Defined runtime environment variables").
#pragma once

namespace kiln::environment {

inline constexpr const char* runtime_api = "AWS_LAMBDA_RUNTIME_API";
/// kiln's own: number of an inherited, connected stream socket that speaks the Runtime API. Wins over runtime_api.
inline constexpr const char* runtime_api_fd = "KILN_RUNTIME_API_FD";
inline constexpr const char* handler = "_HANDLER";
inline constexpr const char* task_root = "LAMBDA_TASK_ROOT";
inline constexpr const char* runtime_dir = "LAMBDA_RUNTIME_DIR";
inline constexpr const char* function_name = "AWS_LAMBDA_FUNCTION_NAME";
inline constexpr const char* function_version = "AWS_LAMBDA_FUNCTION_VERSION";
inline constexpr const char* function_memory = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
inline constexpr const char* log_group = "AWS_LAMBDA_LOG_GROUP_NAME";
inline constexpr const char* log_stream = "AWS_LAMBDA_LOG_STREAM_NAME";
inline constexpr const char* log_format = "AWS_LAMBDA_LOG_FORMAT";
inline constexpr const char* log_level = "AWS_LAMBDA_LOG_LEVEL";
inline constexpr const char* initialization_type = "AWS_LAMBDA_INITIALIZATION_TYPE";
inline constexpr const char* max_concurrency = "AWS_LAMBDA_MAX_CONCURRENCY";
inline constexpr const char* execution_env = "AWS_EXECUTION_ENV";
inline constexpr const char* region = "AWS_REGION";
inline constexpr const char* default_region = "AWS_DEFAULT_REGION";
inline constexpr const char* trace_id = "_X_AMZN_TRACE_ID";
/// Address and token of the metadata endpoint.
inline constexpr const char* metadata_api = "AWS_LAMBDA_METADATA_API";
inline constexpr const char* metadata_token = "AWS_LAMBDA_METADATA_TOKEN";
inline constexpr const char* telemetry_log_fd = "_LAMBDA_TELEMETRY_LOG_FD";

}  // namespace kiln::environment
