// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/account.hpp"

namespace kiln {

std::string function_arn(const AccountSettings& account, std::string_view name, std::string_view qualifier) {
  std::string out = "arn:aws:lambda:" + account.region + ":" + account.account_id + ":function:";
  out += name;
  if (!qualifier.empty()) {
    out += ':';
    out += qualifier;
  }
  return out;
}

}  // namespace kiln
