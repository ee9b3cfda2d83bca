// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/protocol/json_text.hpp"

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}
}  // namespace

TEST_CASE("Control characters, quotes and backslashes are escaped") {
  CHECK(quoted("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
  CHECK(quoted("") == R"("")");
}

TEST_CASE("UTF-8 passes through and each bad byte becomes U+FFFD") {
  CHECK(quoted("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80") == "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\"");
  CHECK(quoted("\x87") == "\"\xEF\xBF\xBD\"");
  CHECK(quoted("\xC0\xAF") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong
  CHECK(quoted("\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // surrogate
  CHECK(quoted("\xE2\x82") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut off
}

TEST_CASE("Error bodies have the key order of the wire") {
  CHECK(api_error_body("Invalid request ID", "InvalidRequestID") ==
        "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n");
  CHECK(platform_error_body("Runtime.ExitError", "x") == R"({"errorType":"Runtime.ExitError","errorMessage":"x"})");
}
