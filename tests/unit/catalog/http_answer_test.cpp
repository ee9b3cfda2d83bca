// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_event.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

http::ApiResponse answer(const std::string& json_text) { return http_answer(Success{"application/json", json_text}); }

std::vector<std::string> values(const http::ApiResponse& response, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& [key, value] : response.fields) {
    if (http::same_name(key, name)) out.push_back(value);
  }
  return out;
}

void check_bad_gateway(const http::ApiResponse& response) {
  CHECK(response.status == 502);
  CHECK(response.content_type == "application/json");
  CHECK(response.body == R"({"message":"Internal Server Error"})");
  CHECK(response.fields.empty());
}

}  // namespace

TEST_CASE("a value without a status code is the body of a 200, compactly") {
  const std::pair<const char*, const char*> examples[] = {
      {R"({"hello": "world"})", R"({"hello":"world"})"},
      {R"(["hello", 3, true])", R"(["hello",3,true])"},
      {R"("Hello Serverless")", "Hello Serverless"},
      {R"("with \"quotes\" and \u00e9")", "with \"quotes\" and é"},
      {"3", "3"},
      {"3.10", "3.10"},
      {"12345678901234567890123", "12345678901234567890123"},
      {"true", "true"},
      {"null", "null"},
      {" { \"b\" : \"x y\\\" z\" ,\n \"a\" : [ ] } ", R"({"b":"x y\" z","a":[]})"},
      {R"({"z": 1, "a": 2})", R"({"z":1,"a":2})"}};
  for (const auto& [result, body] : examples) {
    INFO(result);
    const http::ApiResponse response = answer(result);
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/json");
    CHECK(response.body == body);
  }
}

TEST_CASE("an object with a status code is taken as an answer") {
  const http::ApiResponse response = answer(
      R"({"statusCode": 201, "headers": {"Content-Type": "text/html", "X-Count": 3, "X-Yes": true, "X-None": null},
          "cookies": ["a=1; Path=/", "b=2"], "body": "<p>hi</p>"})");
  CHECK(response.status == 201);
  CHECK(response.content_type == "text/html");
  CHECK(values(response, "x-count") == std::vector<std::string>{"3"});
  CHECK(values(response, "x-yes") == std::vector<std::string>{"true"});
  CHECK(values(response, "x-none").empty());
  CHECK(values(response, "set-cookie") == std::vector<std::string>{"a=1; Path=/", "b=2"});
  CHECK(response.body == "<p>hi</p>");
}

TEST_CASE("a formed answer may be as short as its status") {
  CHECK(answer(R"({"statusCode":200,"body":"body123"})").content_type == "application/json");
  CHECK(answer(R"({"statusCode":200,"body":"body123"})").body == "body123");
  CHECK(answer(R"({"statusCode":"404"})").status == 404);
  CHECK(answer(R"({"statusCode":503})").body.empty());
  CHECK(answer(R"({"statusCode":200,"body":null,"headers":null,"cookies":null,"isBase64Encoded":null})").status == 200);
  CHECK(answer(R"({"statusCode":200,"body":"{\"a\": 1}"})").body == "{\"a\": 1}");
  CHECK(answer(R"({"statusCode":200,"body":{"a":1}})").body == R"({"a":1})");
}

TEST_CASE("a base64 body is decoded") {
  const http::ApiResponse response = answer(R"({"statusCode":200,"body":"AAH/","isBase64Encoded":true})");
  CHECK(response.body == std::string("\0\1\xFF", 3));
}

TEST_CASE("a status without a body has none") {
  CHECK(answer(R"({"statusCode":204,"body":"x"})").body.empty());
  CHECK(answer(R"({"statusCode":304,"body":"x"})").body.empty());
}

TEST_CASE("what would break the answer's framing is not the function's to say") {
  const http::ApiResponse response = answer(
      R"({"statusCode":200,"body":"abc","headers":{"Content-Length":"99","Transfer-Encoding":"chunked","connection":"close",
          "Upgrade":"h2c","Trailer":"x","Keep-Alive":"1","Location":"/x"}})");
  CHECK(response.status == 200);
  CHECK(response.body == "abc");
  REQUIRE(response.fields.size() == 1);
  CHECK(response.fields[0] == http::Field{"Location", "/x"});
}

TEST_CASE("a result that is no HTTP answer is a bad gateway") {
  for (const char* bad : {R"({"statusCode":99})",
                          R"({"statusCode":101})",
                          R"({"statusCode":100})",
                          R"({"statusCode":600})",
                          R"({"statusCode":1000})",
                          R"({"statusCode":-200})",
                          R"({"statusCode":18446744073709551615})",
                          R"({"statusCode":200.5})",
                          R"({"statusCode":"abc"})",
                          R"({"statusCode":"2000"})",
                          R"({"statusCode":null})",
                          R"({"statusCode":{}})",
                          R"({"statusCode":200,"headers":{"X-A":"a\r\nSet-Cookie: evil=1"}})",
                          R"({"statusCode":200,"headers":{"X-A":"a\nb"}})",
                          R"({"statusCode":200,"headers":{"X-A":"a\u0000b"}})",
                          R"({"statusCode":200,"headers":{"X-A":"a\u007f"}})",
                          R"({"statusCode":200,"headers":{"X A":"b"}})",
                          R"({"statusCode":200,"headers":{"X-A: b\r\nX-B":"c"}})",
                          R"({"statusCode":200,"headers":{"":"b"}})",
                          R"({"statusCode":200,"headers":{"X-A":["b"]}})",
                          R"({"statusCode":200,"headers":{"Content-Type":"text/html\r\nX: y"}})",
                          R"({"statusCode":200,"headers":"x"})",
                          R"({"statusCode":200,"headers":[]})",
                          R"({"statusCode":200,"cookies":"a=1"})",
                          R"({"statusCode":200,"cookies":[1]})",
                          R"({"statusCode":200,"cookies":["a=1\r\nX: y"]})",
                          R"({"statusCode":200,"body":"not base64!","isBase64Encoded":true})",
                          R"({"statusCode":200,"isBase64Encoded":"yes"})",
                          "",
                          "{",
                          "not json",
                          "NaN",
                          "{\"a\":NaN}",
                          "\xFF",
                          "1 2"}) {
    INFO(bad);
    check_bad_gateway(answer(bad));
  }
}

TEST_CASE("a function error is a bad gateway that tells nothing of the function") {
  check_bad_gateway(http_answer(FunctionError{"ValueError", R"({"errorMessage":"secret"})"}));
}

TEST_CASE("what a runtime posts as something else than JSON is passed on") {
  const http::ApiResponse response = http_answer(Success{"text/plain; charset=utf-8", "Hello Serverless"});
  CHECK(response.status == 200);
  CHECK(response.content_type == "text/plain; charset=utf-8");
  CHECK(response.body == "Hello Serverless");
  CHECK(http_answer(Success{"application/problem+json", "{ }"}).body == "{}");
  check_bad_gateway(http_answer(Success{"text/plain\r\nX: y", "x"}));
}
