// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/schema.hpp"

#include <array>
#include <string>

namespace kiln {
namespace {

/// Step N takes a file of version N to N + 1. Steps are never changed once released, only added.
constexpr std::array<const char*, 1> steps = {
    R"sql(
CREATE TABLE functions (
  name        TEXT NOT NULL,
  version     TEXT NOT NULL,
  revision_id TEXT NOT NULL,
  code_sha256 TEXT NOT NULL,
  code_size   INTEGER NOT NULL,
  document    TEXT NOT NULL,
  PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX functions_by_code ON functions (code_sha256);
CREATE TABLE triggers (
  id            TEXT NOT NULL PRIMARY KEY,
  function_name TEXT NOT NULL,
  method        TEXT NOT NULL,
  path          TEXT NOT NULL,
  shape         TEXT NOT NULL,
  UNIQUE (method, shape)
) STRICT, WITHOUT ROWID;
CREATE INDEX triggers_by_function ON triggers (function_name);
)sql"};

std::int64_t version_of(Database& database) {
  Statement statement = database.prepare("PRAGMA user_version");
  return statement.step() ? statement.number(0) : 0;
}

}  // namespace

void migrate(Database& database) {
  Transaction transaction(database);
  const std::int64_t version = version_of(database);
  if (version < 0 || version > static_cast<std::int64_t>(steps.size())) {
    throw std::runtime_error("its schema version is " + std::to_string(version) + ", this kiln knows versions up to " +
                             std::to_string(steps.size()) + ": it was written by a newer kiln");
  }
  for (auto step = static_cast<std::size_t>(version); step < steps.size(); ++step) database.execute(steps[step]);
  database.execute("PRAGMA user_version=" + std::to_string(steps.size()));
  transaction.commit();
}

}  // namespace kiln
