// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/protocol/base64.hpp"

#include "tests/support/catch.hpp"

using namespace kiln;

TEST_CASE("base64 agrees with the examples of RFC 4648 both ways") {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : examples) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == plain);
  }
}

TEST_CASE("base64 brings every byte back") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
}

TEST_CASE("base64 refuses what is none") {
  for (const char* text : {"A", "AB", "ABC", "AB=C", "====", "A===", "AB C", "Zm9v\n", "Zm9_", "Zm9-",
                           "Zm9v=", "Zg==Zg==", "Zg=a", "Zm 9"}) {
    INFO(text);
    CHECK_FALSE(base64_decode(text));
  }
}
