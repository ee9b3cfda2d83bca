// SPDX-License-Identifier: Apache-2.0
// The hash that names code. Apart from encoding.hpp, so that who needs no hash needs no crypto library.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace kiln {

struct Sha256 {
  std::array<unsigned char, 32> bytes{};

  std::string hex() const;
  std::string base64() const;
};

/// Throws std::runtime_error where the crypto library fails.
Sha256 sha256(std::string_view bytes);

}  // namespace kiln
