// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/functions.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/api/function_checks.hpp"
#include "runtime-api/control-server/api/function_json.hpp"
#include "runtime-api/control-server/api/function_request.hpp"
#include "runtime-api/control-server/api/management_call.hpp"
#include "runtime-api/control-server/catalog/encoding.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"

namespace kiln {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view latest = "$LATEST";
constexpr std::size_t max_page = 50;

ManagementAnswer refused(const ServiceError& error) { return {error_answer(error), std::nullopt}; }

ManagementAnswer answer(int status, const ordered_json& body, std::optional<CatalogChange> change = std::nullopt) {
  // The Host field, which a location repeats, may hold bytes that are no UTF-8.
  return {json_answer(status, body.dump(-1, ' ', false, ordered_json::error_handler_t::replace)), std::move(change)};
}

struct PageRequest {
  std::string after;
  std::size_t limit = max_page;
};

/// MaxItems (capped to what one page may hold) and Marker of a listing.
Result<PageRequest> read_page(const std::string& max_items, const std::string& marker) {
  PageRequest out;
  if (!max_items.empty()) {
    if (max_items.find_first_not_of("-0123456789") != std::string::npos) {
      return ServiceError{400, "SerializationException", "STRING_VALUE can not be converted to an Integer"};
    }
    constexpr long long most = 10'000;
    // Too many digits to be a number we can hold are too many items as well.
    const long long value = max_items.size() < 10 ? std::strtoll(max_items.c_str(), nullptr, 10) : most + 1;
    Constraints constraints;
    if (value < 1) constraints.broken(max_items, "maxItems", rules::value_at_least(1));
    if (value > most) constraints.broken(max_items, "maxItems", rules::value_at_most(most));
    if (!constraints.empty()) return constraints.error();
    out.limit = std::min(static_cast<std::size_t>(value), max_page);
  }
  std::optional<std::string> after = base64_decode(marker);
  if (!after) return ServiceError{400, "InvalidParameterValueException", "Invalid pagination token."};
  out.after = std::move(*after);
  return out;
}

void set_code(FunctionConfiguration& function, const CodeObject& object) {
  function.code_sha256_hex = object.sha256_hex;
  function.code_sha256_base64 = object.sha256_base64;
  function.code_size = object.packed_bytes;
}

}  // namespace

Result<ManagementApi::Found> ManagementApi::find(const Call& call) const {
  const Result<FunctionReference> reference =
      parse_function_name(call.parameter, call.query("Qualifier"), NameRules::management, account_);
  if (!reference) return reference.error();
  const std::string_view qualifier = reference->qualifier;
  std::optional<FunctionConfiguration> found = catalog_.find(reference->name, qualifier.empty() ? latest : qualifier);
  if (!found) return function_not_found(account_, reference->name, qualifier);
  return Found{std::move(*found), std::string(qualifier)};
}

ManagementAnswer ManagementApi::create(const Call& call) {
  Result<CreateRequest> request = read_create(call.request.body, runtimes_with_aliases(runtimes_));
  if (!request) return refused(request.error());
  if (const auto wrong = check_preimport(request->settings, runtimes_.preimport_sets)) return refused(*wrong);
  const Result<FunctionReference> reference =
      parse_function_name(request->function_name, {}, NameRules::management, account_);
  if (!reference) return refused(reference.error());
  const Result<std::string> zip = code_bytes(request->code);
  if (!zip) return refused(zip.error());

  const std::shared_lock lock(code_lock_);
  // Before the unpacking, so that a mistake in the name costs nothing.
  if (catalog_.find(reference->name)) {
    return refused({409, "ResourceConflictException", "Function already exist: " + reference->name});
  }
  const Result<CodeObject> object = code_.put(*zip);
  if (!object) return refused(object.error());
  FunctionConfiguration function;
  function.name = reference->name;
  function.arn = function_arn(account_, function.name);
  function.logging.group = "/aws/lambda/" + function.name;
  function.architectures = request->architectures.empty() ? std::vector<std::string>{"x86_64"} : request->architectures;
  function.tags = std::move(request->tags);
  apply(request->settings, function);
  if (const auto wrong = check_combination(function)) return refused(*wrong);
  set_code(function, *object);
  Result<FunctionWrite> written = catalog_.create(std::move(function));
  if (!written) return refused(written.error());
  const ordered_json body = configuration_json(written->function, account_);
  return answer(201, body, upserted(std::move(*written)));
}

ManagementAnswer ManagementApi::list(const Call& call) {
  const std::string versions = call.query("FunctionVersion");
  if (!versions.empty() && versions != "ALL") {
    Constraints constraints;
    constraints.broken(versions, "functionVersion", rules::one_of({"ALL"}));
    return refused(constraints.error());
  }
  const Result<PageRequest> wanted = read_page(call.query("MaxItems"), call.query("Marker"));
  if (!wanted) return refused(wanted.error());
  const Catalog::FunctionPage page = catalog_.list(wanted->after, wanted->limit);
  ordered_json body{{"Functions", ordered_json::array()}};
  for (const FunctionConfiguration& function : page.functions) {
    const std::string_view qualifier = versions == "ALL" ? std::string_view(function.version) : std::string_view();
    body["Functions"].push_back(configuration_json(function, account_, qualifier, ConfigurationShape::list_item));
  }
  if (!page.marker.empty()) body["NextMarker"] = base64_encode(page.marker);
  return answer(200, body);
}

ManagementAnswer ManagementApi::get(const Call& call) {
  const Result<Found> found = find(call);
  if (!found) return refused(found.error());
  ordered_json body;
  body["Configuration"] = configuration_json(found->function, account_, found->qualifier);
  const std::string host(call.request.field("Host").value_or("localhost"));
  body["Code"] = {{"RepositoryType", "S3"},
                  {"Location", "http://" + host + "/kiln/v1/functions/" + found->function.name + "/code"}};
  if (!found->function.tags.empty()) body["Tags"] = found->function.tags;
  return answer(200, body);
}

ManagementAnswer ManagementApi::get_configuration(const Call& call) {
  const Result<Found> found = find(call);
  if (!found) return refused(found.error());
  return answer(200, configuration_json(found->function, account_, found->qualifier));
}

ManagementAnswer ManagementApi::update_configuration(const Call& call) {
  const Result<FunctionReference> reference = parse_function_name(call.parameter, {}, NameRules::management, account_);
  if (!reference) return refused(reference.error());
  const Result<UpdateConfigurationRequest> request =
      read_update_configuration(call.request.body, runtimes_with_aliases(runtimes_));
  if (!request) return refused(request.error());
  if (const auto wrong = check_preimport(request->settings, runtimes_.preimport_sets)) return refused(*wrong);
  Result<FunctionWrite> written = catalog_.update(reference->name, request->revision_id,
                                                  [&](FunctionConfiguration& function) -> std::optional<ServiceError> {
                                                    apply(request->settings, function);
                                                    return check_combination(function);
                                                  });
  if (!written) return refused(written.error());
  const ordered_json body = configuration_json(written->function, account_);
  return answer(200, body, upserted(std::move(*written)));
}

ManagementAnswer ManagementApi::update_code(const Call& call) {
  const Result<FunctionReference> reference = parse_function_name(call.parameter, {}, NameRules::management, account_);
  if (!reference) return refused(reference.error());
  const Result<UpdateCodeRequest> request = read_update_code(call.request.body);
  if (!request) return refused(request.error());
  std::optional<FunctionConfiguration> current = catalog_.find(reference->name);
  if (!current) return refused(function_not_found(account_, reference->name));
  const Result<std::string> zip = code_bytes(request->code);
  if (!zip) return refused(zip.error());

  const auto change = [&](const CodeObject& object, FunctionConfiguration& function) {
    set_code(function, object);
    if (!request->architectures.empty()) function.architectures = request->architectures;
  };
  if (request->dry_run) {
    if (request->revision_id && *request->revision_id != current->revision_id) {
      return refused(revision_mismatch());
    }
    const Result<CodeObject> object = code_.check(*zip);
    if (!object) return refused(object.error());
    change(*object, *current);
    return answer(200, configuration_json(*current, account_));
  }
  const std::shared_lock lock(code_lock_);
  const Result<CodeObject> object = code_.put(*zip);
  if (!object) return refused(object.error());
  Result<FunctionWrite> written = catalog_.update(reference->name, request->revision_id,
                                                  [&](FunctionConfiguration& function) -> std::optional<ServiceError> {
                                                    change(*object, function);
                                                    return std::nullopt;
                                                  });
  if (!written) return refused(written.error());
  const ordered_json body = configuration_json(written->function, account_);
  return answer(200, body, upserted(std::move(*written)));
}

ManagementAnswer ManagementApi::remove(const Call& call) {
  const Result<FunctionReference> reference =
      parse_function_name(call.parameter, call.query("Qualifier"), NameRules::management, account_);
  if (!reference) return refused(reference.error());
  if (reference->qualifier == latest) {
    return refused(
        {400, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."});
  }
  // There are no published versions yet, so none of them can be found; the text is the one without a qualifier.
  if (!reference->qualifier.empty()) return refused(function_not_found(account_, reference->name));
  const Result<FunctionRemoval> removed = catalog_.remove(reference->name);
  if (!removed) return refused(removed.error());
  CatalogChange change;
  change.sequence = removed->sequence;
  change.deleted = reference->name;
  add_triggers(change);
  return {json_answer(204, ""), std::move(change)};
}

ManagementAnswer ManagementApi::account_settings(const Call&) {
  constexpr std::uint64_t total_code = 80'530'636'800;  // 75 GiB, as in a fresh account
  constexpr int concurrent_executions = 1'000;
  const Catalog::Usage usage = catalog_.usage();
  return answer(200, {{"AccountLimit",
                       {{"TotalCodeSize", total_code},
                        {"CodeSizeUnzipped", limits::max_code_unpacked},
                        {"CodeSizeZipped", limits::max_code_packed},
                        {"ConcurrentExecutions", concurrent_executions},
                        {"UnreservedConcurrentExecutions", concurrent_executions}}},
                      {"AccountUsage", {{"TotalCodeSize", usage.code_bytes}, {"FunctionCount", usage.functions}}}});
}

ManagementAnswer ManagementApi::get_runtimes(const Call&) {
  return answer(200, {{"Runtimes", runtimes_.names}, {"PreimportSets", runtimes_.preimport_sets}});
}

ManagementAnswer ManagementApi::get_code(const Call& call) {
  const Result<Found> found = find(call);
  if (!found) return refused(found.error());
  std::optional<std::string> zip = code_.read_package(found->function.code_sha256_hex);
  if (!zip) {
    return refused({500, "CodeStorageException", "The code of " + found->function.name + " is not in the code store"});
  }
  ManagementAnswer out{json_answer(200, std::move(*zip)), std::nullopt};
  out.response.content_type = "application/zip";
  return out;
}

CatalogChange ManagementApi::upserted(FunctionWrite write) const {
  CatalogChange change;
  change.sequence = write.sequence;
  auto task_root = code_.task_root(write.function.code_sha256_hex).value_or(std::filesystem::path());
  change.upserted =
      DeployedFunction{std::make_shared<const FunctionConfiguration>(std::move(write.function)), std::move(task_root)};
  return change;
}

void ManagementApi::add_triggers(CatalogChange& change) const {
  Catalog::TriggerSnapshot snapshot = catalog_.trigger_snapshot();
  change.triggers = std::make_shared<const TriggerTable>(std::move(snapshot.triggers));
  change.triggers_sequence = snapshot.sequence;
}

}  // namespace kiln
