// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/function_request.hpp"

#include "runtime-api/control-server/api/function_checks.hpp"
#include "runtime-api/control-server/api/request_members.hpp"
#include "runtime-api/control-server/catalog/encoding.hpp"

namespace kiln {
namespace {

constexpr std::size_t max_tags = 50;

ServiceError invalid(std::string message) { return {400, "InvalidParameterValueException", std::move(message)}; }

void read_logging(const RequestMembers& members, FunctionSettings& out) {
  const std::optional<RequestMembers> logging = members.object("LoggingConfig");
  if (!logging) return;
  out.log_format = logging->text("LogFormat");
  out.log_application_level = logging->text("ApplicationLogLevel");
  out.log_system_level = logging->text("SystemLogLevel");
  out.log_group = logging->text("LogGroup");
}

FunctionSettings read_settings(const RequestMembers& members) {
  FunctionSettings out;
  out.runtime = members.text("Runtime");
  out.handler = members.text("Handler");
  out.role = members.text("Role");
  out.description = members.text("Description");
  out.memory_mb = members.number("MemorySize");
  out.timeout_s = members.number("Timeout");
  if (const auto storage = members.object("EphemeralStorage")) out.ephemeral_storage_mb = storage->number("Size");
  if (const auto given = members.object("Environment")) {
    // An Environment without Variables empties it, as in the real service.
    out.environment = given->text_map("Variables").value_or(std::map<std::string, std::string>());
  }
  if (const auto tracing = members.object("TracingConfig")) out.tracing_mode = tracing->text("Mode");
  if (const auto snap_start = members.object("SnapStart")) out.snap_start = snap_start->text("ApplyOn");
  read_logging(members, out);
  out.layers = members.texts("Layers");
  if (const auto own = members.object("Kiln")) {
    out.concurrency = own->number("Concurrency");
    out.max_instances = own->number("MaxInstances");
    out.min_instances = own->number("MinInstances");
    out.ready_schedule = own->text("ReadySchedule");
    out.idle_seconds = own->number("IdleSeconds");
    out.isolation = own->text("Isolation");
    out.image = own->text("Image");
    out.pull = own->text("Pull");
    out.preload = own->flag("Preload");
    out.preimport = own->text("Preimport");
  }
  return out;
}

CodeRequest read_code(const RequestMembers& members) {
  return {members.text("ZipFile"), members.text("S3Bucket"), members.text("ImageUri")};
}

std::vector<std::string_view> settings_members() {
  return {"Runtime",     "Handler",       "Role",      "Description",   "MemorySize", "Timeout", "EphemeralStorage",
          "Environment", "TracingConfig", "SnapStart", "LoggingConfig", "Layers",     "Kiln",    "RevisionId"};
}

std::vector<std::string_view> create_members() {
  std::vector<std::string_view> out = settings_members();
  out.insert(out.end(), {"FunctionName", "Code", "Architectures", "Tags", "PackageType"});
  return out;
}

std::optional<ServiceError> check_create(const CreateRequest& request, bool named, bool with_code,
                                         const std::vector<std::string>& runtimes) {
  Constraints constraints;
  if (!named) constraints.broken(std::nullopt, "functionName", rules::not_null);
  if (!with_code) constraints.broken(std::nullopt, "code", rules::not_null);
  if (!request.package_type.empty() && request.package_type != "Zip" && request.package_type != "Image") {
    constraints.broken(request.package_type, "packageType", rules::one_of({"Image", "Zip"}));
  }
  check_constraints(request.settings, constraints);
  check_architectures(request.architectures, constraints);
  if (!constraints.empty()) return constraints.error();
  if (request.package_type == "Image") {
    return invalid("PackageType Image is not available: this server runs zip packages.");
  }
  if (!request.settings.runtime || !request.settings.handler) {
    return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  }
  if (request.tags.size() > max_tags) return invalid("Number of tags exceeds resource tag limit.");
  return check_values(request.settings, runtimes);
}

}  // namespace

Result<CreateRequest> read_create(std::string_view body, const std::vector<std::string>& runtimes) {
  const Result<ParsedRequest> parsed = parse_request(body, create_members());
  if (!parsed) return parsed.error();
  std::optional<ServiceError> wrong;
  const RequestMembers members(parsed->object, wrong);
  CreateRequest out;
  const std::optional<std::string> name = members.text("FunctionName");
  out.function_name = name.value_or("");
  out.settings = read_settings(members);
  const std::optional<RequestMembers> code = members.object("Code");
  if (code) out.code = read_code(*code);
  out.architectures = members.texts("Architectures").value_or(std::vector<std::string>());
  out.tags = members.text_map("Tags").value_or(std::map<std::string, std::string>());
  out.package_type = members.text("PackageType").value_or("");
  if (wrong) return *wrong;
  if (std::optional<ServiceError> refused = check_create(out, name.has_value(), code.has_value(), runtimes)) {
    return *refused;
  }
  return out;
}

Result<UpdateConfigurationRequest> read_update_configuration(std::string_view body,
                                                             const std::vector<std::string>& runtimes) {
  const Result<ParsedRequest> parsed = parse_request(body, settings_members());
  if (!parsed) return parsed.error();
  std::optional<ServiceError> wrong;
  const RequestMembers members(parsed->object, wrong);
  UpdateConfigurationRequest out{read_settings(members), members.text("RevisionId")};
  if (wrong) return *wrong;
  Constraints constraints;
  check_constraints(out.settings, constraints);
  if (!constraints.empty()) return constraints.error();
  if (std::optional<ServiceError> refused = check_values(out.settings, runtimes)) return *refused;
  return out;
}

Result<UpdateCodeRequest> read_update_code(std::string_view body) {
  const Result<ParsedRequest> parsed =
      parse_request(body, {"ZipFile", "S3Bucket", "ImageUri", "Architectures", "RevisionId", "DryRun"});
  if (!parsed) return parsed.error();
  std::optional<ServiceError> wrong;
  const RequestMembers members(parsed->object, wrong);
  UpdateCodeRequest out;
  out.code = read_code(members);
  out.architectures = members.texts("Architectures").value_or(std::vector<std::string>());
  out.revision_id = members.text("RevisionId");
  out.dry_run = members.flag("DryRun").value_or(false);
  if (wrong) return *wrong;
  Constraints constraints;
  check_architectures(out.architectures, constraints);
  if (!constraints.empty()) return constraints.error();
  if (out.code.image_uri) {
    return invalid("Please don't provide ImageUri when updating a function with packageType Zip.");
  }
  return out;
}

void apply(const FunctionSettings& s, FunctionConfiguration& f) {
  const auto set = [](auto& target, const auto& value) {
    if (value) target = static_cast<std::decay_t<decltype(target)>>(*value);
  };
  set(f.runtime, s.runtime);
  set(f.handler, s.handler);
  set(f.role, s.role);
  set(f.description, s.description);
  set(f.memory_mb, s.memory_mb);
  set(f.timeout_s, s.timeout_s);
  set(f.ephemeral_storage_mb, s.ephemeral_storage_mb);
  if (s.environment) f.environment = s.environment;
  set(f.tracing_mode, s.tracing_mode);
  set(f.snap_start, s.snap_start);
  set(f.logging.format, s.log_format);
  set(f.logging.group, s.log_group);
  if (f.logging.format == "JSON") {
    f.logging.application_level = s.log_application_level.value_or(
        f.logging.application_level.empty() ? std::string("INFO") : f.logging.application_level);
    f.logging.system_level =
        s.log_system_level.value_or(f.logging.system_level.empty() ? std::string("INFO") : f.logging.system_level);
  } else {
    f.logging.application_level.clear();
    f.logging.system_level.clear();
  }
  if (s.layers) f.layers.clear();  // check_values() lets only an empty list through
  set(f.kiln.concurrency, s.concurrency);
  set(f.kiln.max_instances, s.max_instances);
  set(f.kiln.min_instances, s.min_instances);
  set(f.kiln.ready_schedule, s.ready_schedule);
  set(f.kiln.idle_seconds, s.idle_seconds);
  set(f.kiln.isolation, s.isolation);
  set(f.kiln.image, s.image);
  set(f.kiln.pull, s.pull);
  set(f.kiln.preload, s.preload);
  set(f.kiln.preimport, s.preimport);
}

Result<std::string> code_bytes(const CodeRequest& code) {
  if (code.s3_bucket) {
    return ServiceError{400, "InvalidParameterValueException",
                        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified "
                        "bucket does not exist",
                        "this server takes code as ZipFile"};
  }
  if (code.image_uri) return invalid("ImageUri is not available: this server runs zip packages.");
  if (!code.zip_base64) return invalid("Please provide a source for function code.");
  std::optional<std::string> bytes = base64_decode(*code.zip_base64);
  if (!bytes) return ServiceError{400, "SerializationException", "ZipFile is not valid base64"};
  return std::move(*bytes);
}

}  // namespace kiln
