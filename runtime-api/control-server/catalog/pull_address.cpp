// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/pull_address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <limits>

namespace kiln {

std::optional<PullAddress> parse_pull_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool six = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (six) host = host.substr(1, host.size() - 2);
  PullAddress address;
  address.host = host;
  in6_addr bytes{};
  if (::inet_pton(six ? AF_INET6 : AF_INET, address.host.c_str(), &bytes) != 1) return std::nullopt;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  if (number > std::numeric_limits<unsigned short>::max()) return std::nullopt;
  address.port = static_cast<unsigned short>(number);
  return address;
}

}  // namespace kiln
