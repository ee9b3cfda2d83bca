// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/function_name.hpp"

#include "tests/unit/catalog/result_text.hpp"

using namespace kiln;

namespace {

const AccountSettings account;  // us-east-1, 000000000000

std::string parsed(std::string_view text, std::string_view qualifier = {}, NameRules rules = NameRules::management) {
  const auto result = parse_function_name(text, qualifier, rules, account);
  if (!result) return std::to_string(result.error().status) + " " + result.error().type;
  return result->name + "|" + result->qualifier;
}

}  // namespace

TEST_CASE("a function can be named in every way the service allows") {
  CHECK(parsed("hello") == "hello|");
  CHECK(parsed("hello:1") == "hello|1");
  CHECK(parsed("hello:$LATEST") == "hello|$LATEST");
  CHECK(parsed("hello:prod-2_x") == "hello|prod-2_x");
  CHECK(parsed("function:hello") == "hello|");
  CHECK(parsed("000000000000:function:hello") == "hello|");
  CHECK(parsed("000000000000:function:hello:live") == "hello|live");
  CHECK(parsed("us-east-1:000000000000:function:hello") == "hello|");
  CHECK(parsed("arn:aws:lambda:us-east-1:000000000000:function:hello") == "hello|");
  CHECK(parsed("arn:aws:lambda:us-east-1:000000000000:function:hello:7") == "hello|7");
  CHECK(parsed("arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST") == "hello|$LATEST");
  CHECK(parsed("function") == "function|");
  CHECK(parsed("123456789012") == "123456789012|");
  CHECK(parsed("123456789012:$LATEST") == "123456789012|$LATEST");
  CHECK(parsed(std::string(64, 'n')) == std::string(64, 'n') + "|");
}

TEST_CASE("the qualifier may stand in the name, in the query, or equally in both") {
  CHECK(parsed("hello", "1") == "hello|1");
  CHECK(parsed("hello:1", "1") == "hello|1");
  const auto differs = parse_function_name("hello:1", "2", NameRules::management, account);
  REQUIRE_FALSE(differs);
  CHECK(differs.error() == ServiceError{400, "InvalidParameterValueException",
                                        "The derived qualifier from the function name does not match the specified "
                                        "qualifier."});
  CHECK(parsed("hello", "bad qualifier") == "400 ValidationException");
  CHECK(parsed("hello", std::string(129, 'q')) == "400 ValidationException");
}

TEST_CASE("a name outside the pattern is refused in the service's words") {
  const auto result = parse_function_name("invalid:function:name", {}, NameRules::management, account);
  REQUIRE_FALSE(result);
  CHECK(result.error().type == "ValidationException");
  CHECK(
      result.error().message ==
      "1 validation error detected: Value 'invalid:function:name' at 'functionName' failed to satisfy constraint: "
      "Member must satisfy regular expression pattern: "
      R"((arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?)");
  for (const char* bad : {"", " ", "a b", "a/b", "ä", "hello.world", "hello:", ":hello", "a:b:c", "hello:$NEWEST",
                          "arn:aws:s3:us-east-1:000000000000:function:hello", "arn:aws:lambda:us-east-1::function:",
                          "arn:gcp:lambda:us-east-1:000000000000:function:hello", "../../etc", "hello\n"}) {
    INFO(bad);
    CHECK(parsed(bad) == "400 ValidationException");
  }
}

TEST_CASE("the lengths have the service's two different errors") {
  const auto long_name = parse_function_name(std::string(65, 'a'), {}, NameRules::management, account);
  REQUIRE_FALSE(long_name);
  CHECK(long_name.error().type == "InvalidParameterValueException");
  CHECK(long_name.error().message == "1 validation error detected: Value '" + std::string(65, 'a') +
                                         "' at 'functionName' failed to satisfy constraint: Member must have length "
                                         "less than or equal to 64");
  const auto longer = parse_function_name(std::string(141, 'a'), {}, NameRules::management, account);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().type == "ValidationException");
  const auto both = parse_function_name(std::string(140, 'a') + "!", {}, NameRules::management, account);
  REQUIRE_FALSE(both);
  CHECK(both.error().message.substr(0, 31) == "2 validation errors detected: V");
}

TEST_CASE("invoke allows dots in the name, management does not") {
  CHECK(parsed("hello.world", {}, NameRules::invoke) == "hello.world|");
  CHECK(parsed("hello:$LATEST.PUBLISHED", {}, NameRules::invoke) == "hello|$LATEST.PUBLISHED");
  CHECK(parsed("hello:$LATEST.PUBLISHED") == "400 ValidationException");
}

TEST_CASE("another region or account is not reachable") {
  const auto region =
      parse_function_name("arn:aws:lambda:ap-southeast-1:000000000000:function:f", {}, NameRules::invoke, account);
  REQUIRE_FALSE(region);
  CHECK(region.error() ==
        ServiceError{404, "ResourceNotFoundException",
                     "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"});
  CHECK(parsed("arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:f") == "404 ResourceNotFoundException");
  CHECK(parsed("arn:aws:lambda:us-east-1:111111111111:function:f") == "403 AccessDeniedException");
  CHECK(parsed("111111111111:function:f") == "403 AccessDeniedException");
}

TEST_CASE("a function that is not there is named by its ARN") {
  CHECK(function_not_found(account, "f").message ==
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f");
  CHECK(function_not_found(account, "f", "$LATEST").message ==
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST");
}
