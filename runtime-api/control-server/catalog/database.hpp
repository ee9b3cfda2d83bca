// SPDX-License-Identifier: Apache-2.0
// SQLite's C interface with owners for its handles.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kiln {

/// SQLite refused; `code` is its extended result code.
struct DatabaseError : std::runtime_error {
  DatabaseError(const std::string& message, int result_code) : std::runtime_error(message), code(result_code) {}
  int code;
};

/// One prepared statement. Bound text must live until the last step().
class Statement {
 public:
  Statement(sqlite3* connection, std::string_view sql);

  /// Binds the next parameter, from the first on.
  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);

  /// Whether there is a (further) row.
  bool step();
  /// Runs a statement to its end.
  void run();

  /// Columns of the row step() has stopped at, from 0; the text is valid until the next step().
  std::string_view text(int column) const;
  std::int64_t number(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void expect(int result, int wanted) const;

  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

/// One connection, to be used by one thread at a time. Committed transactions survive a power cut.
class Database {
 public:
  /// Opens or creates `file`. Throws DatabaseError where it cannot be opened, is no database, or fails its own check.
  explicit Database(const std::filesystem::path& file);

  Statement prepare(std::string_view sql) { return Statement(connection_.get(), sql); }
  /// Runs SQL without parameters or rows; several statements may follow each other.
  void execute(const std::string& sql);

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

/// Begins at once; rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace kiln
