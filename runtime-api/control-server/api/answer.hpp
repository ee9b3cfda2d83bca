// SPDX-License-Identifier: Apache-2.0
// Errors of the outer APIs as HTTP answers in the shape of the real service.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {

/// Status, x-amzn-ErrorType, and the JSON body with the member names that type has in the real service.
http::ApiResponse error_answer(const ServiceError& error);

/// What a caller is told of a failure of the platform: 507 where the disk is full, 503 where the catalog is locked by
/// another process, 500 otherwise. Never the exception's own text, which names paths of this machine: log that.
http::ApiResponse platform_error_answer(const std::exception& error);

/// A JSON body as it is, with its status.
http::ApiResponse json_answer(int status, std::string body);

}  // namespace kiln
