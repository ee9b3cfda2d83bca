// SPDX-License-Identifier: Apache-2.0
// Streams as many bytes as the body of its HTTP request says, in parts of 64 KiB.
#include <algorithm>
#include <cstddef>
#include <kiln/function.hpp>
#include <string>

void handler(const nlohmann::json& event, kiln::ResponseStream& out) {
  static const std::string part(65'536, 'x');
  for (std::size_t left = std::stoul(event.at("body").get<std::string>()); left > 0;) {
    const std::size_t size = std::min(left, part.size());
    out.write({part.data(), size});
    left -= size;
  }
}

KILN_HANDLER(handler)
