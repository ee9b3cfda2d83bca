// SPDX-License-Identifier: Apache-2.0
// Where a function's runtimes connect that somebody else starts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

struct PullAddress {
  std::string
      host;  ///< an address of IPv4 or IPv6, without brackets: never a name, which may come to mean another machine
  unsigned short port = 0;  ///< 0: a free one
};

/// "ADDRESS:PORT", of IPv6 "[ADDRESS]:PORT"; nothing where the text is no such thing.
std::optional<PullAddress> parse_pull_address(std::string_view text);

}  // namespace kiln
