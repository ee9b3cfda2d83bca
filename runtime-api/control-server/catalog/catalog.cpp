// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/catalog.hpp"

#include "runtime-api/control-server/catalog/database.hpp"
#include "runtime-api/control-server/catalog/function_document.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/control-server/catalog/schema.hpp"
#include "runtime-api/control-server/catalog/trigger_table.hpp"

namespace kiln {
namespace {

constexpr std::string_view latest = "$LATEST";
constexpr std::size_t trigger_id_length = 10;

std::optional<FunctionConfiguration> read_function(Database& database, std::string_view name,
                                                   std::string_view version) {
  Statement select = database.prepare("SELECT document FROM functions WHERE name = ?1 AND version = ?2");
  select.bind(name).bind(version);
  if (!select.step()) return std::nullopt;
  return from_document(select.text(0));
}

std::vector<FunctionConfiguration> read_latest(Database& database, std::string_view after, std::int64_t limit) {
  Statement select =
      database.prepare("SELECT document FROM functions WHERE version = '$LATEST' AND name > ?1 ORDER BY name LIMIT ?2");
  select.bind(after).bind(limit);
  std::vector<FunctionConfiguration> out;
  while (select.step()) out.push_back(from_document(select.text(0)));
  return out;
}

void touch(FunctionConfiguration& function) {
  function.revision_id = random_uuid();
  function.last_modified = timestamp_text(std::chrono::system_clock::now());
}

HttpTrigger read_trigger(const Statement& row) {
  return {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3))};
}

std::vector<HttpTrigger> read_triggers(Database& database, std::string_view function_name) {
  Statement select = database.prepare(
      "SELECT id, function_name, method, path FROM triggers WHERE ?1 = '' OR function_name = ?1 ORDER BY path, method");
  select.bind(function_name);
  std::vector<HttpTrigger> out;
  while (select.step()) out.push_back(read_trigger(select));
  return out;
}

ServiceError trigger_conflict(const HttpTrigger& wanted, const HttpTrigger& existing) {
  return {409, "ResourceConflictException",
          wanted.method + " " + wanted.path + " is already bound to function " + existing.function_name +
              (existing.path == wanted.path ? std::string() : " as " + existing.path) + " (trigger " + existing.id +
              ")"};
}

}  // namespace

ServiceError revision_mismatch() {
  return {
      412, "PreconditionFailedException",
      "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
      "the latest Revision Id"};
}

Catalog::Catalog(const std::filesystem::path& file, AccountSettings account) : account_(std::move(account)) {
  try {
    database_ = std::make_unique<Database>(file);
    migrate(*database_);
    // Reads every row once, so that damage shows now and not in the middle of a call.
    read_latest(*database_, "", -1);
  } catch (const std::runtime_error& error) {
    throw CatalogUnusable(
        "the catalog " + file.string() + " cannot be used: " + error.what() +
        ". It was left as it is; restore it from a backup or move it away to start with an empty one");
  }
}

Catalog::~Catalog() = default;

Result<FunctionWrite> Catalog::create(FunctionConfiguration function) {
  const std::lock_guard lock(mutex_);
  touch(function);
  Transaction transaction(*database_);
  const std::string document = to_document(function);
  {
    Statement insert = database_->prepare(
        "INSERT INTO functions (name, version, revision_id, code_sha256, code_size, document) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING name");
    insert.bind(function.name).bind(function.version).bind(function.revision_id).bind(function.code_sha256_hex);
    insert.bind(static_cast<std::int64_t>(function.code_size)).bind(document);
    if (!insert.step()) {
      return ServiceError{409, "ResourceConflictException", "Function already exist: " + function.name};
    }
    insert.run();
  }
  transaction.commit();
  return FunctionWrite{std::move(function), ++sequence_};
}

std::optional<FunctionConfiguration> Catalog::find(std::string_view name, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  return read_function(*database_, name, version);
}

Result<FunctionWrite> Catalog::update(
    std::string_view name, std::optional<std::string_view> revision_id,
    const std::function<std::optional<ServiceError>(FunctionConfiguration&)>& change) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  std::optional<FunctionConfiguration> function = read_function(*database_, name, latest);
  if (!function) return function_not_found(account_, name);
  if (revision_id && *revision_id != function->revision_id) {
    return revision_mismatch();
  }
  if (std::optional<ServiceError> refused = change(*function)) return *refused;
  touch(*function);
  const std::string document = to_document(*function);
  {
    Statement update = database_->prepare(
        "UPDATE functions SET revision_id = ?3, code_sha256 = ?4, code_size = ?5, document = ?6 "
        "WHERE name = ?1 AND version = ?2");
    update.bind(name).bind(latest).bind(function->revision_id).bind(function->code_sha256_hex);
    update.bind(static_cast<std::int64_t>(function->code_size)).bind(document).run();
  }
  transaction.commit();
  return FunctionWrite{std::move(*function), ++sequence_};
}

Result<FunctionRemoval> Catalog::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  {
    Statement remove = database_->prepare("DELETE FROM functions WHERE name = ?1 RETURNING version");
    remove.bind(name);
    if (!remove.step()) return function_not_found(account_, name);
    remove.run();
  }
  database_->prepare("DELETE FROM triggers WHERE function_name = ?1").bind(name).run();
  transaction.commit();
  return FunctionRemoval{++sequence_};
}

Catalog::FunctionPage Catalog::list(std::string_view after, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  FunctionPage page;
  // One more than asked for tells whether there is a next page.
  page.functions = read_latest(*database_, after, static_cast<std::int64_t>(limit) + 1);
  if (page.functions.size() > limit) {
    page.functions.resize(limit);
    page.marker = page.functions.back().name;
  }
  return page;
}

std::vector<FunctionConfiguration> Catalog::all() const {
  const std::lock_guard lock(mutex_);
  return read_latest(*database_, "", -1);
}

Result<TriggerWrite> Catalog::bind(HttpTrigger trigger) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  if (!read_function(*database_, trigger.function_name, latest)) {
    return function_not_found(account_, trigger.function_name);
  }
  trigger.id = random_id(trigger_id_length);
  const std::string shape = trigger_path_shape(trigger.path);
  {
    // On the same function a changed parameter name is an update that keeps the trigger's id.
    Statement upsert = database_->prepare(
        "INSERT INTO triggers (id, function_name, method, path, shape) VALUES (?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT (method, shape) DO UPDATE SET path = excluded.path WHERE function_name = excluded.function_name "
        "RETURNING id");
    upsert.bind(trigger.id).bind(trigger.function_name).bind(trigger.method).bind(trigger.path).bind(shape);
    if (!upsert.step()) {
      Statement select =
          database_->prepare("SELECT id, function_name, method, path FROM triggers WHERE method = ?1 AND shape = ?2");
      select.bind(trigger.method).bind(shape).step();
      return trigger_conflict(trigger, read_trigger(select));
    }
    const std::string id(upsert.text(0));
    upsert.run();
    trigger.id = id;
  }
  transaction.commit();
  return TriggerWrite{std::move(trigger), ++sequence_};
}

Result<TriggerWrite> Catalog::unbind(std::string_view id) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_);
  HttpTrigger removed;
  {
    Statement remove =
        database_->prepare("DELETE FROM triggers WHERE id = ?1 RETURNING id, function_name, method, path");
    remove.bind(id);
    if (!remove.step()) {
      return ServiceError{404, "ResourceNotFoundException", "Trigger not found: " + std::string(id)};
    }
    removed = read_trigger(remove);
    remove.run();
  }
  transaction.commit();
  return TriggerWrite{std::move(removed), ++sequence_};
}

std::vector<HttpTrigger> Catalog::triggers(std::string_view function_name) const {
  const std::lock_guard lock(mutex_);
  return read_triggers(*database_, function_name);
}

Catalog::TriggerSnapshot Catalog::trigger_snapshot() const {
  const std::lock_guard lock(mutex_);
  return {read_triggers(*database_, {}), sequence_};
}

std::set<std::string> Catalog::code_in_use() const {
  const std::lock_guard lock(mutex_);
  Statement select = database_->prepare("SELECT DISTINCT code_sha256 FROM functions");
  std::set<std::string> out;
  while (select.step()) out.emplace(select.text(0));
  return out;
}

Catalog::Usage Catalog::usage() const {
  const std::lock_guard lock(mutex_);
  Statement select = database_->prepare(
      "SELECT count(*) FILTER (WHERE version = '$LATEST'), coalesce(sum(code_size), 0) FROM functions");
  select.step();
  return {static_cast<std::uint64_t>(select.number(0)), static_cast<std::uint64_t>(select.number(1))};
}

}  // namespace kiln
