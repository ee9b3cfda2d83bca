// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/message.hpp"

#include "tests/support/catch.hpp"

using namespace kiln::http;

TEST_CASE("a field is found whatever the case of its name") {
  const ApiRequest request{"GET", "/", "", {{"Host", "a"}, {"X-One", "1"}, {"x-one", "2"}}, ""};
  CHECK(request.field("HOST") == "a");
  CHECK(request.field("x-ONE") == "1");
  CHECK_FALSE(request.field("x-on"));
  CHECK(same_name("Content-Type", "content-type"));
  CHECK_FALSE(same_name("Content-Type", "content_type"));
  CHECK_FALSE(same_name("[", "{"));
}

TEST_CASE("percent escapes are decoded strictly in paths") {
  CHECK(percent_decode("a%20b%2fc%2F") == "a b/c/");
  CHECK(percent_decode("a+b") == "a+b");
  CHECK(percent_decode("a+b", true) == "a b");
  CHECK(percent_decode("%00") == std::string(1, '\0'));
  for (const char* bad : {"%", "%4", "%zz", "a%2", "%%41"}) CHECK_FALSE(percent_decode(bad));
}

TEST_CASE("query parameters come in order, decoded, and malformed escapes are left alone") {
  CHECK(parse_query("") == std::vector<Field>());
  CHECK(parse_query("a=1&b=2&a=3") == std::vector<Field>{{"a", "1"}, {"b", "2"}, {"a", "3"}});
  CHECK(parse_query("a&b=&=c&&d=x=y") == std::vector<Field>{{"a", ""}, {"b", ""}, {"", "c"}, {"d", "x=y"}});
  CHECK(parse_query("q=a+b%26c&p=100%&%41=%4") == std::vector<Field>{{"q", "a b&c"}, {"p", "100%"}, {"A", "%4"}});
}
