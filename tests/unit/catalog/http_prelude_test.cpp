// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_prelude.hpp"

#include "runtime-api/control-server/api/http_event.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

const std::string nuls(8, '\0');
const std::string head = R"({"statusCode":201,"headers":{"x-one":"1"},"cookies":["a=b"]})";

}  // namespace

TEST_CASE("A prelude is taken off a body wherever its parts are cut") {
  const std::string body = head + nuls + std::string("\0body", 5);  // a body may begin with a NUL of its own
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    HttpPrelude prelude;
    std::string rest;
    auto state = HttpPrelude::State::more;
    for (std::string_view part : {std::string_view(body).substr(0, cut), std::string_view(body).substr(cut)}) {
      if (state == HttpPrelude::State::more) state = prelude.take(part);
      rest += part;
    }
    CHECK(state == HttpPrelude::State::done);
    CHECK(prelude.json() == head);
    CHECK(rest == std::string("\0body", 5));
  }
}

TEST_CASE("Too few NULs, or a prelude without end, is none") {
  HttpPrelude few;
  const std::string body = head + nuls.substr(1) + "body";
  std::string_view part = body;
  CHECK(few.take(part) == HttpPrelude::State::bad);

  HttpPrelude endless;
  const std::string block(max_http_prelude, ' ');
  part = block;
  CHECK(endless.take(part) == HttpPrelude::State::more);
  part = block;
  CHECK(endless.take(part) == HttpPrelude::State::bad);
}

TEST_CASE("A prelude's content type is known with parameters and in any case") {
  CHECK(has_http_prelude("application/vnd.awslambda.http-integration-response"));
  CHECK(has_http_prelude("Application/Vnd.AwsLambda.Http-Integration-Response ; charset=utf-8"));
  CHECK_FALSE(has_http_prelude("application/json"));
  CHECK_FALSE(has_http_prelude(""));
}

TEST_CASE("A prelude becomes the head of an answer, and what can be none is refused") {
  const auto answer = http_answer_head(head);
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(answer->fields == std::vector<http::Field>{{"x-one", "1"}, {"set-cookie", "a=b"}});
  const auto plain = http_answer_head("{}");
  REQUIRE(plain);
  CHECK(plain->status == 200);
  CHECK(plain->content_type == "application/octet-stream");
  for (const char* bad : {"", "[]", "{", R"({"statusCode":100})", R"({"statusCode":"abc"})",
                          R"({"headers":{"a b":"c"}})", R"({"headers":{"a":"b\r\nc: d"}})", R"({"cookies":"a=b"})"}) {
    INFO(bad);
    CHECK_FALSE(http_answer_head(bad));
  }
}

TEST_CASE("A body with its prelude that came in whole is answered the same way") {
  const auto answer = http_answer(Success{std::string(http_integration), head + nuls + "text"});
  CHECK(answer.status == 201);
  CHECK(answer.body == "text");
  CHECK(http_answer(Success{std::string(http_integration), head}).status == 502);
}
