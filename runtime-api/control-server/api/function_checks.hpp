// SPDX-License-Identifier: Apache-2.0
// The limits on a function's settings, in the real service's words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime-api/control-server/api/function_request.hpp"

namespace kiln {

/// Constraints of the service model: all broken ones are told together (ValidationException).
void check_constraints(const FunctionSettings& settings, Constraints& constraints);
void check_architectures(const std::vector<std::string>& architectures, Constraints& constraints);

/// What the service refuses after the model's constraints hold: the first of runtime, memory, environment, layers.
std::optional<ServiceError> check_values(const FunctionSettings& settings, const std::vector<std::string>& runtimes);

/// Whether the server has the set of modules that they name (`kiln serve --preimport`).
std::optional<ServiceError> check_preimport(const FunctionSettings& settings, const std::vector<std::string>& sets);

/// What is wrong with settings that are right each by itself.
std::optional<ServiceError> check_combination(const FunctionConfiguration& function);

}  // namespace kiln
