// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/function_document.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace kiln {
namespace {

using nlohmann::json;

// Listed once, so that what is written is what is read.
template <typename Function, typename Visit>
void visit_members(Function& f, Visit visit) {
  visit("name", f.name);
  visit("arn", f.arn);
  visit("version", f.version);
  visit("runtime", f.runtime);
  visit("handler", f.handler);
  visit("role", f.role);
  visit("description", f.description);
  visit("memory_mb", f.memory_mb);
  visit("timeout_s", f.timeout_s);
  visit("code_sha256_base64", f.code_sha256_base64);
  visit("code_sha256_hex", f.code_sha256_hex);
  visit("code_size", f.code_size);
  visit("last_modified", f.last_modified);
  visit("revision_id", f.revision_id);
  visit("state", f.state);
  visit("last_update_status", f.last_update_status);
  visit("architectures", f.architectures);
  visit("ephemeral_storage_mb", f.ephemeral_storage_mb);
  visit("tracing_mode", f.tracing_mode);
  visit("snap_start", f.snap_start);
  visit("log_format", f.logging.format);
  visit("log_application_level", f.logging.application_level);
  visit("log_system_level", f.logging.system_level);
  visit("log_group", f.logging.group);
  visit("tags", f.tags);
  visit("concurrency", f.kiln.concurrency);
  visit("max_instances", f.kiln.max_instances);
  visit("min_instances", f.kiln.min_instances);
  visit("ready_schedule", f.kiln.ready_schedule);
  visit("idle_seconds", f.kiln.idle_seconds);
  visit("isolation", f.kiln.isolation);
  visit("image", f.kiln.image);
  visit("pull", f.kiln.pull);
  visit("preload", f.kiln.preload);
  visit("preimport", f.kiln.preimport);
}

}  // namespace

std::string to_document(const FunctionConfiguration& function) {
  json out = json::object();
  visit_members(function, [&](const char* name, const auto& value) { out[name] = value; });
  if (function.environment) out["environment"] = *function.environment;
  json layers = json::array();
  for (const LayerReference& layer : function.layers) layers.push_back({{"arn", layer.arn}, {"size", layer.code_size}});
  out["layers"] = std::move(layers);
  return out.dump();
}

FunctionConfiguration from_document(std::string_view document) {
  FunctionConfiguration out;
  try {
    const json in = json::parse(document);
    visit_members(out, [&](const char* name, auto& value) {
      if (const auto found = in.find(name); found != in.end()) found->get_to(value);
    });
    if (const auto found = in.find("environment"); found != in.end()) {
      out.environment = found->get<std::map<std::string, std::string>>();
    }
    if (const auto found = in.find("layers"); found != in.end()) {
      for (const json& layer : *found) {
        out.layers.push_back({layer.at("arn").get<std::string>(), layer.at("size").get<std::uint64_t>()});
      }
    }
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("a function's document cannot be read: ") + error.what());
  }
  return out;
}

}  // namespace kiln
