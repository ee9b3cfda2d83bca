// SPDX-License-Identifier: Apache-2.0
// A function's configuration as the real service writes it.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/function_configuration.hpp"

namespace kiln {

enum class ConfigurationShape {
  full,
  list_item,  ///< without State and LastUpdateStatus
};

/// FunctionArn has `qualifier` at its end where one is given.
nlohmann::ordered_json configuration_json(const FunctionConfiguration& function, const AccountSettings& account,
                                          std::string_view qualifier = {},
                                          ConfigurationShape shape = ConfigurationShape::full);

nlohmann::ordered_json trigger_json(const HttpTrigger& trigger);

}  // namespace kiln
