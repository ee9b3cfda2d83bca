// SPDX-License-Identifier: Apache-2.0
// The ways a request may name a function: bare name, `ACCOUNT:function:NAME`, a full ARN, each with or without a
// qualifier at its end.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/account.hpp"
#include "runtime-api/control-server/catalog/service_error.hpp"

namespace kiln {

struct FunctionReference {
  std::string name;
  std::string qualifier;  ///< "$LATEST", a version or an alias; empty where none was given
};

/// Invoke's pattern allows dots in the name, the management operations' does not.
enum class NameRules { management, invoke };

/// Parses `text` (percent-decoded) and the Qualifier parameter (empty where there is none).
/// Fails with the error of the real service: a bad pattern (ValidationException), another region (404) or account
/// (403), a qualifier that differs from the one in the text.
Result<FunctionReference> parse_function_name(std::string_view text, std::string_view qualifier, NameRules rules,
                                              const AccountSettings& account);

/// 404 `Function not found: ARN`, with the qualifier in the ARN where there is one.
ServiceError function_not_found(const AccountSettings& account, std::string_view name, std::string_view qualifier = {});

/// What callers and the log are told of code on the server's disk that is not what was uploaded.
std::string corrupt_code_text(std::string_view name);

}  // namespace kiln
