// SPDX-License-Identifier: Apache-2.0
// Region and account as they appear in ARNs. One server is one account in one region.
#pragma once

#include <string>
#include <string_view>

namespace kiln {

struct AccountSettings {
  std::string region = "us-east-1";
  std::string account_id = "000000000000";  ///< twelve digits
};

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, with `:QUALIFIER` where one is given.
std::string function_arn(const AccountSettings& account, std::string_view name, std::string_view qualifier = {});

}  // namespace kiln
