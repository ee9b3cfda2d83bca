// SPDX-License-Identifier: Apache-2.0
// What a create or update asks for, read from JSON and checked against the limits of the real service.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/constraints.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"

namespace kiln {

/// The settings of a function a request names; absent ones keep their value (update) or default (create).
struct FunctionSettings {
  std::optional<std::string> runtime;
  std::optional<std::string> handler;
  std::optional<std::string> role;
  std::optional<std::string> description;
  std::optional<long long> memory_mb;
  std::optional<long long> timeout_s;
  std::optional<long long> ephemeral_storage_mb;
  std::optional<std::map<std::string, std::string>> environment;
  std::optional<std::string> tracing_mode;
  std::optional<std::string> snap_start;
  std::optional<std::string> log_format;
  std::optional<std::string> log_application_level;
  std::optional<std::string> log_system_level;
  std::optional<std::string> log_group;
  std::optional<std::vector<std::string>> layers;
  std::optional<long long> concurrency;
  std::optional<long long> max_instances;
  std::optional<long long> min_instances;
  std::optional<std::string> ready_schedule;
  std::optional<long long> idle_seconds;
  std::optional<std::string> isolation;
  std::optional<std::string> pull;
  std::optional<bool> preload;
  std::optional<std::string> preimport;
  std::optional<std::string> image;
};

/// Where the code is to come from.
struct CodeRequest {
  std::optional<std::string> zip_base64;
  std::optional<std::string> s3_bucket;
  std::optional<std::string> image_uri;
};

struct CreateRequest {
  std::string function_name;  ///< as written: bare name or ARN
  FunctionSettings settings;
  CodeRequest code;
  std::vector<std::string> architectures;
  std::map<std::string, std::string> tags;
  std::string package_type;
};

struct UpdateConfigurationRequest {
  FunctionSettings settings;
  std::optional<std::string> revision_id;
};

struct UpdateCodeRequest {
  CodeRequest code;
  std::vector<std::string> architectures;
  std::optional<std::string> revision_id;
  bool dry_run = false;
};

/// Each reads a request body; SerializationException for wrong types, ValidationException for broken constraints,
/// InvalidParameterValueException for what the real service refuses later. `runtimes` is the set a function may name.
Result<CreateRequest> read_create(std::string_view body, const std::vector<std::string>& runtimes);
Result<UpdateConfigurationRequest> read_update_configuration(std::string_view body,
                                                             const std::vector<std::string>& runtimes);
Result<UpdateCodeRequest> read_update_code(std::string_view body);

/// Puts the settings that are present into a configuration.
void apply(const FunctionSettings& settings, FunctionConfiguration& function);

/// The bytes of the zip a request brings; an error where it brings none that kiln can take.
Result<std::string> code_bytes(const CodeRequest& code);

}  // namespace kiln
