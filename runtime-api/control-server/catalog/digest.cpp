// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/digest.hpp"

#include <openssl/evp.h>

#include <stdexcept>

#include "runtime-api/control-server/catalog/encoding.hpp"

namespace kiln {

std::string Sha256::hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string Sha256::base64() const {
  return base64_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Sha256 sha256(std::string_view bytes) {
  Sha256 out;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.bytes.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != out.bytes.size()) {
    throw std::runtime_error("SHA-256 is not available in libcrypto");
  }
  return out;
}

}  // namespace kiln
