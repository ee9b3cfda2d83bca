// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/message.hpp"

#include "tests/support/catch.hpp"

using namespace kiln::http;

TEST_CASE("Names are compared without regard to ASCII case, and only that") {
  CHECK(same_name("Content-Type", "cONTENT-tYPE"));
  CHECK_FALSE(same_name("a", "ab"));
  CHECK_FALSE(same_name("@", "`"));  // differ in the bit that tells cases apart
  CHECK_FALSE(same_name("\xC4", "\xE4"));
}

TEST_CASE("Percent escapes are decoded, and a malformed one is refused") {
  CHECK(percent_decode("a%20b%2Fc%c3%bc") == "a b/c\xC3\xBC");
  CHECK(percent_decode("a+b") == "a+b");
  CHECK(percent_decode("a+b", true) == "a b");
  CHECK(percent_decode("%00") == std::string(1, '\0'));
  for (const char* const bad : {"%", "%2", "%zz", "%2g", "abc%"}) CHECK_FALSE(percent_decode(bad));
}

TEST_CASE("Query parameters come in order, decoded, with malformed escapes left alone") {
  CHECK(parse_query("a=1&b=x+y&&c&=v&d=%41%zz&e=1=2") ==
        std::vector<Field>{{"a", "1"}, {"b", "x y"}, {"c", ""}, {"", "v"}, {"d", "A%zz"}, {"e", "1=2"}});
  CHECK(parse_query("").empty());
  CHECK(parse_query("&&&").empty());
}

TEST_CASE("The first field of a name is found in any case") {
  ApiRequest request;
  request.fields = {{"X-A", "1"}, {"x-a", "2"}};
  CHECK(request.field("x-A") == "1");
  CHECK_FALSE(request.field("x-b"));
}
