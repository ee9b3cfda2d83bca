// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/database.hpp"

namespace kiln {
namespace {

[[noreturn]] void fail(sqlite3* connection, int result) {
  std::string message = sqlite3_errstr(result);
  if (connection != nullptr && sqlite3_errcode(connection) != SQLITE_OK) message = sqlite3_errmsg(connection);
  throw DatabaseError(message, result);
}

}  // namespace

Statement::Statement(sqlite3* connection, std::string_view sql) : connection_(connection) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  expect(result, SQLITE_OK);
}

void Statement::expect(int result, int wanted) const {
  if (result != wanted) fail(connection_, result);
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL instead of the empty text.
  const char* data = text.data() == nullptr ? "" : text.data();
  expect(sqlite3_bind_text(statement_.get(), ++bound_, data, static_cast<int>(text.size()), SQLITE_STATIC), SQLITE_OK);
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  expect(sqlite3_bind_int64(statement_.get(), ++bound_, number), SQLITE_OK);
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  expect(result, SQLITE_DONE);
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

std::string_view Statement::text(int column) const {
  const auto* data = sqlite3_column_text(statement_.get(), column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

Database::Database(const std::filesystem::path& file) {
  sqlite3* connection = nullptr;
  // The owner of a Database takes turns by itself, so SQLite's own mutexes would be paid for nothing.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(file.c_str(), &connection, flags, nullptr);
  connection_.reset(connection);
  if (result != SQLITE_OK) fail(connection, result);
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, 5'000);
  // A damaged file must not be able to run code through its schema.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON");
  Statement check = prepare("PRAGMA quick_check(1)");
  if (check.step() && check.text(0) != "ok") throw DatabaseError(std::string(check.text(0)), SQLITE_CORRUPT);
}

void Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(connection_.get(), result);
}

Transaction::Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const DatabaseError&) {
    // SQLite has rolled back by itself already (full disk, I/O error).
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace kiln
