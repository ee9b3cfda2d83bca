// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/function_json.hpp"

#include "runtime-api/control-server/catalog/digest.hpp"

namespace kiln {
namespace {

using nlohmann::ordered_json;

ordered_json logging_json(const LoggingConfiguration& logging) {
  ordered_json out{{"LogFormat", logging.format}};
  if (!logging.application_level.empty()) out["ApplicationLogLevel"] = logging.application_level;
  if (!logging.system_level.empty()) out["SystemLogLevel"] = logging.system_level;
  out["LogGroup"] = logging.group;
  return out;
}

ordered_json layers_json(const std::vector<LayerReference>& layers) {
  ordered_json out = ordered_json::array();
  for (const LayerReference& layer : layers) out.push_back({{"Arn", layer.arn}, {"CodeSize", layer.code_size}});
  return out;
}

/// Names one runtime of one version of kiln, as the real service's hash names one of its own.
std::string runtime_version_arn(const AccountSettings& account, const std::string& runtime) {
  return "arn:aws:lambda:" + account.region + "::runtime:" + sha256("kiln " KILN_VERSION " " + runtime).hex();
}

}  // namespace

ordered_json configuration_json(const FunctionConfiguration& f, const AccountSettings& account,
                                std::string_view qualifier, ConfigurationShape shape) {
  ordered_json out;
  out["FunctionName"] = f.name;
  out["FunctionArn"] = qualifier.empty() ? f.arn : f.arn + ":" + std::string(qualifier);
  out["Runtime"] = f.runtime;
  if (!f.role.empty()) out["Role"] = f.role;
  out["Handler"] = f.handler;
  out["CodeSize"] = f.code_size;
  out["Description"] = f.description;
  out["Timeout"] = f.timeout_s;
  out["MemorySize"] = f.memory_mb;
  out["LastModified"] = f.last_modified;
  out["CodeSha256"] = f.code_sha256_base64;
  out["Version"] = f.version;
  if (f.environment) out["Environment"] = {{"Variables", ordered_json(*f.environment)}};
  out["TracingConfig"] = {{"Mode", f.tracing_mode}};
  out["RevisionId"] = f.revision_id;
  if (!f.layers.empty()) out["Layers"] = layers_json(f.layers);
  if (shape == ConfigurationShape::full) {
    out["State"] = f.state;
    out["LastUpdateStatus"] = f.last_update_status;
  }
  out["PackageType"] = "Zip";
  out["Architectures"] = f.architectures;
  out["EphemeralStorage"] = {{"Size", f.ephemeral_storage_mb}};
  out["SnapStart"] = {{"ApplyOn", f.snap_start}, {"OptimizationStatus", "Off"}};
  out["RuntimeVersionConfig"] = {{"RuntimeVersionArn", runtime_version_arn(account, f.runtime)}};
  out["LoggingConfig"] = logging_json(f.logging);
  out["Kiln"] = {{"Concurrency", f.kiln.concurrency},
                 {"MaxInstances", f.kiln.max_instances},
                 {"MinInstances", f.kiln.min_instances},
                 {"ReadySchedule", f.kiln.ready_schedule},
                 {"IdleSeconds", f.kiln.idle_seconds},
                 {"Isolation", f.kiln.isolation},
                 {"Image", f.kiln.image},
                 {"Pull", f.kiln.pull},
                 {"Preload", f.kiln.preload},
                 {"Preimport", f.kiln.preimport}};
  return out;
}

ordered_json trigger_json(const HttpTrigger& trigger) {
  return {{"Id", trigger.id},
          {"FunctionName", trigger.function_name},
          {"Type", "http"},
          {"Method", trigger.method},
          {"Path", trigger.path}};
}

}  // namespace kiln
