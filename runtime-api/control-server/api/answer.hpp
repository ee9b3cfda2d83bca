// SPDX-License-Identifier: Apache-2.0
// Errors of the outer APIs as HTTP answers in the shape of the real service.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// Status, x-amzn-ErrorType, and the JSON body with the member names that type has in the real service.
http::ApiResponse error_answer(const ServiceError& error);

/// A JSON body as it is, with its status.
http::ApiResponse json_answer(int status, std::string body);

}  // namespace kiln
