// SPDX-License-Identifier: Apache-2.0
// Which extension asks. Extensions are known by the identifier they were given with their registration, not by the
// connection: several may share one, and each may have several.
#pragma once

#include <string>
#include <variant>

#include "runtime-api/server/extensions/extension_registry.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {

/// The identifier of a request's head, in lower case, or why it is none. Whether anyone has it, the registry knows.
std::variant<std::string, ApiError> extension_identifier(const http::RequestHead& request);

/// The extension that asks; lives as long as the instance's registry.
std::variant<const Extension*, ApiError> calling_extension(RuntimeCall call);

/// Answers a report of an error, after its body.
Task<void> report_extension_error(RuntimeCall call, ExtensionRegistry::Report kind);

}  // namespace kiln::runtime_routes
