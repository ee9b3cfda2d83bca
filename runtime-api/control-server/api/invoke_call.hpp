// SPDX-License-Identifier: Apache-2.0
// What a call of Invoke asks for, read from its head. Pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"
#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/server/http/request_head.hpp"

namespace kiln {

/// Name and qualifier of the call. The plain name, which nearly every call has, needs no parser.
Result<FunctionReference> invoked_function(std::string_view encoded_name, std::string_view query,
                                           const AccountSettings& account);

/// Takes over what the request's fields say of the invocation. Nothing: all is well.
std::optional<ServiceError> read_invoke_fields(const http::RequestHead& request, Invocation& invocation);

/// 400 InvalidRequestContentException.
ServiceError invalid_content(std::string message);

}  // namespace kiln
