// SPDX-License-Identifier: Apache-2.0
#include "cli/base64.hpp"

#include "tests/support/catch.hpp"

using namespace kiln::cli;

TEST_CASE("base64 gives the texts of RFC 4648") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("foob") == "Zm9vYg==");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
}

TEST_CASE("base64 brings every byte back") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
}

TEST_CASE("base64 refuses what is none") {
  for (const auto* text : {"Z", "Zg=", "Zg=a", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-"}) {
    CAPTURE(text);
    CHECK_FALSE(base64_decode(text).has_value());
  }
}
