// SPDX-License-Identifier: Apache-2.0
// The catalog's tables, and how an older file becomes one of today.
#pragma once

#include "runtime-api/control-server/catalog/database.hpp"

namespace kiln {

/// Brings the schema up to date in one transaction. Throws std::runtime_error where the file was written by a newer kiln.
void migrate(Database& database);

}  // namespace kiln
