// SPDX-License-Identifier: Apache-2.0
// What answer.hpp says of the platform's own failures: apart, because it knows the database.
#include <cerrno>
#include <system_error>

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/catalog/database.hpp"

namespace kiln {

http::ApiResponse platform_error_answer(const std::exception& error) {
  const ServiceError full{507, "InsufficientStorageException", "This server has no room left on its disk."};
  if (const auto* system = dynamic_cast<const std::system_error*>(&error)) {
    const int code = system->code().value();
    if (system->code().category() == std::generic_category() && (code == ENOSPC || code == EDQUOT || code == EFBIG)) {
      return error_answer(full);
    }
  }
  if (const auto* database = dynamic_cast<const DatabaseError*>(&error)) {
    const int code = database->code & 0xFF;  // without SQLite's extension
    if (code == SQLITE_FULL) return error_answer(full);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
      return error_answer({503, "ServiceUnavailableException", "The catalog is locked by another process. Try again."});
    }
  }
  return error_answer({500, "ServiceException", "The server failed; its log says why."});
}

}  // namespace kiln
